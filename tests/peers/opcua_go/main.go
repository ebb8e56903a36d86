// An OPC UA server in Go (github.com/gopcua/opcua): no security, few nodes in a Read, neither TranslateBrowsePaths nor BrowseNext, and a
// CurrentTime that can be read but of which no change is published.
//
//	opcua_go PORT [EXTRA_NAMESPACES]
//
// A vendor's tags, set over standard input: {"set": "Execution", "value": "ACTIVE"}. EXTRA_NAMESPACES are registered first, so that the one with
// the tags gets another index.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/server"
	"github.com/gopcua/opcua/ua"
)

type tag struct {
	lock  sync.Mutex
	value any
	at    time.Time
}

func (t *tag) read() *ua.DataValue {
	t.lock.Lock()
	defer t.lock.Unlock()
	value := server.DataValueFromValue(t.value)
	value.SourceTimestamp = t.at
	value.EncodingMask |= ua.DataValueSourceTimestamp
	return value
}

func (t *tag) set(value any) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.value, t.at = value, time.Now()
}

func main() {
	port, extra := 0, 0
	if len(os.Args) > 1 {
		port, _ = strconv.Atoi(os.Args[1])
	}
	if len(os.Args) > 2 {
		extra, _ = strconv.Atoi(os.Args[2])
	}
	served := server.New(
		server.EndPoint("127.0.0.1", port),
		server.EnableSecurity("None", ua.MessageSecurityModeNone),
		server.EnableAuthMode(ua.UserTokenTypeAnonymous),
	)
	for index := 0; index < extra; index++ {
		server.NewNodeNameSpace(served, fmt.Sprintf("urn:extra:%d", index))
	}
	space := server.NewNodeNameSpace(served, "urn:test-factory")
	root, err := served.Namespace(0)
	if err != nil {
		log.Fatal(err)
	}
	root.Objects().AddRef(space.Objects(), id.HasComponent, true)
	tags := map[string]*tag{"Execution": {value: "READY"}, "EmergencyStop": {value: false}}
	nodes := map[string]*server.Node{}
	for name, one := range tags {
		one.at = time.Now()
		nodes[name] = space.AddNewVariableStringNode("Saw."+name, one.read)
		space.Objects().AddRef(nodes[name], id.HasComponent, true)
	}
	if err := served.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer served.Close()
	names := []string{}
	for _, one := range served.Namespaces() {
		names = append(names, one.Name())
	}
	answer(map[string]any{"ready": true, "namespaces": names})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command struct {
			Set   string `json:"set"`
			Value any    `json:"value"`
		}
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			log.Fatal(err)
		}
		tags[command.Set].set(command.Value)
		space.ChangeNotification(nodes[command.Set].ID())
		answer(map[string]any{"done": true})
	}
}

func answer(said map[string]any) {
	text, _ := json.Marshal(said)
	fmt.Println(string(text))
}
