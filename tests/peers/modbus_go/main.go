// A Modbus TCP server in Go (github.com/simonvetter/modbus).
//
//	modbus_go PORT        (0: a free one; the answer says which)
//
// A meter like the Eastron SDM630 that refuses every register it does not have, and a status word in holding register 0. Both are set over
// standard input: {"set": 3, "power": 4500.0}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"os"
	"sync"
	"time"

	"github.com/simonvetter/modbus"
)

const totalPower, currentL1 = 0x34, 0x06

type meter struct {
	lock  sync.Mutex
	Set   uint16  `json:"set"`
	Power float64 `json:"power"`
}

func (m *meter) registers() map[uint16]uint16 {
	found := map[uint16]uint16{}
	for address, value := range map[uint16]float64{totalPower: m.Power, currentL1: m.Power / 3 / 230} {
		bits := math.Float32bits(float32(value))
		found[address], found[address+1] = uint16(bits>>16), uint16(bits)
	}
	return found
}

func (m *meter) HandleInputRegisters(asked *modbus.InputRegistersRequest) ([]uint16, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	registers, answer := m.registers(), []uint16{}
	for address := asked.Addr; address < asked.Addr+asked.Quantity; address++ {
		word, exists := registers[address]
		if !exists {
			return nil, modbus.ErrIllegalDataAddress
		}
		answer = append(answer, word)
	}
	return answer, nil
}

func (m *meter) HandleHoldingRegisters(asked *modbus.HoldingRegistersRequest) ([]uint16, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if asked.IsWrite || asked.Addr != 0 || asked.Quantity != 1 {
		return nil, modbus.ErrIllegalDataAddress
	}
	return []uint16{m.Set}, nil
}

func (m *meter) HandleCoils(*modbus.CoilsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

func (m *meter) HandleDiscreteInputs(*modbus.DiscreteInputsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

// freePort is where the server listens if no port is asked for: it cannot say itself which one it got.
func freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

func main() {
	port := os.Args[1]
	if port == "0" {
		port = freePort()
	}
	values := &meter{}
	server, err := modbus.NewServer(&modbus.ServerConfiguration{
		URL: "tcp://127.0.0.1:" + port, Timeout: time.Minute, MaxClients: 8, Logger: log.New(io.Discard, "", 0),
	}, values)
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"ready\": true, \"port\": %s}\n", port)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		values.lock.Lock()
		err := json.Unmarshal(lines.Bytes(), values)
		values.lock.Unlock()
		fmt.Printf("{\"done\": %t}\n", err == nil)
	}
}
