/* A Modbus TCP server on libmodbus, which serves one connection at a time, as many small devices do.
 *   modbus_libmodbus PORT        (0: a free one; the answer says which)
 * A meter like the Eastron SDM630 without energy registers, and a status word in holding register 0. Both are set over standard input:
 *   {"set": 3, "power": 4500.0} */
#include <arpa/inet.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOTAL_POWER = 0x34, INPUT_REGISTERS = 0x36, HOLDING_REGISTERS = 8 };

static int set_from(const char *line, modbus_mapping_t *map) {
    int word;
    float power;
    if (sscanf(line, "{\"set\": %d, \"power\": %f}", &word, &power) != 2) return -1;
    map->tab_registers[0] = (uint16_t)word;
    uint32_t bits; /* by hand: what modbus_set_float_abcd does differs from version to version */
    memcpy(&bits, &power, sizeof bits);
    map->tab_input_registers[TOTAL_POWER] = bits >> 16;
    map->tab_input_registers[TOTAL_POWER + 1] = bits & 0xFFFF;
    return 0;
}

int main(int count, char **arguments) {
    modbus_t *server = modbus_new_tcp("127.0.0.1", count > 1 ? atoi(arguments[1]) : 0);
    modbus_mapping_t *map = modbus_mapping_new(0, 0, HOLDING_REGISTERS, INPUT_REGISTERS);
    int listener = server ? modbus_tcp_listen(server, 1) : -1, client = -1;
    if (listener < 0 || map == NULL) return 1;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("{\"ready\": true, \"port\": %d, \"version\": \"%s\"}\n", ntohs(address.sin_port), LIBMODBUS_VERSION_STRING);
    fflush(stdout);
    for (;;) {
        int waiting_for = client < 0 ? listener : client;
        fd_set ready;
        FD_ZERO(&ready);
        FD_SET(STDIN_FILENO, &ready);
        FD_SET(waiting_for, &ready);
        if (select(waiting_for + 1, &ready, NULL, NULL, NULL) < 0) return 1;
        if (FD_ISSET(STDIN_FILENO, &ready)) {
            char line[256] = {0};
            if (read(STDIN_FILENO, line, sizeof line - 1) <= 0) return 0;
            printf("{\"done\": %s}\n", set_from(line, map) == 0 ? "true" : "false");
            fflush(stdout);
        }
        if (!FD_ISSET(waiting_for, &ready)) continue;
        if (client < 0) {
            client = modbus_tcp_accept(server, &listener);
            continue;
        }
        uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
        int length = modbus_receive(server, request);
        if (length < 0) {
            modbus_close(server);
            client = -1;
        } else if (length > 0) {
            modbus_reply(server, request, length, map);
        }
    }
}
