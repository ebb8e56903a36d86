module vrijloop/tests/peers/modbus_go

go 1.19

require github.com/simonvetter/modbus v1.6.4

require github.com/goburrow/serial v0.1.0 // indirect
