// The MQTT broker mochi-mqtt, which keeps its sessions in a file.
//
//	mochi_go PORT FOLDER
package main

import (
	"log"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/hooks/storage/bolt"
	"github.com/mochi-mqtt/server/v2/listeners"
	"go.etcd.io/bbolt"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	ending := make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGTERM)
	server := mqtt.New(&mqtt.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	must(server.AddHook(new(auth.AllowHook), nil))
	must(server.AddHook(new(bolt.Hook), &bolt.Options{
		Path: filepath.Join(os.Args[2], "mochi.bolt"),
		// Each change on its own disk sync is a hundred messages a second.
		Options: &bbolt.Options{Timeout: time.Second, NoSync: true},
	}))
	must(server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:" + os.Args[1]})))
	must(server.Serve())
	<-ending
	must(server.Close())
}
