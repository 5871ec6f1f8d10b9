// A custom handler in C, by its standard library and POSIX. See devhost/tests/strangers.rs for what it must do.
// It reads JSON no further than it has to: the members it looks for come once in what the host sends it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 65536

// The text between `before` and the next `after`.
static char *between(const char *text, const char *before, const char *after) {
    static char found[8][1024];
    static int next;
    char *result = found[next++ % 8];
    const char *start = strstr(text, before);
    const char *end = start ? strstr(start + strlen(before), after) : NULL;
    result[0] = 0;
    if (end && end - start < 1000) {
        start += strlen(before);
        memcpy(result, start, (size_t)(end - start));
        result[end - start] = 0;
    }
    return result;
}

// A header's value, or NULL.
static const char *header(const char *head, const char *name) {
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, strlen(name)) && line[2 + strlen(name)] == ':') {
            const char *value = line + 3 + strlen(name);
            return value + strspn(value, " ");
        }
    return NULL;
}

// Takes the chunks' lengths out of a body. Whether it has ended.
static int dechunk(char *body) {
    char *from = body, *to = body;
    for (;;) {
        char *line = strstr(from, "\r\n");
        if (!line) return 0;
        size_t size = strtoul(from, NULL, 16);
        if (size == 0) {
            *to = 0;
            return 1;
        }
        memmove(to, line + 2, size);
        to += size;
        from = line + 2 + size + 2;
    }
}

static void reply(int client, const char *status, const char *type, const char *body) {
    dprintf(client, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nX-By: c\r\nConnection: close\r\n\r\n%s", status, type,
            strlen(body), body);
}

static void envelope(int client, const char *function, const char *call) {
    static char out[SIZE];
    // JSON inside a JSON string: "message":"\"text\"".
    char *message = between(call, "\"message\":\"\\\"", "\\\"\"");
    strcpy(out, "{}");
    if (!strcmp(function, "greet")) {
        char *name = between(strstr(call, "\"Query\""), "\"name\":\"", "\"");
        char *method = between(call, "\"Method\":\"", "\"");
        snprintf(out, SIZE,
                 "{\"Outputs\":{\"res\":{\"statusCode\":201,\"headers\":{\"x-by\":\"c\"},\"body\":\"%s %s\"},\"out\":\"greeted %s!\"},"
                 "\"Logs\":[\"greeting in c\"]}",
                 method, name, name);
    } else if (!strcmp(function, "pass")) {
        snprintf(out, SIZE, "{\"Outputs\":{\"out\":[\"%s in c\",\"%s again\"]}}", message, message);
    } else if (!strcmp(function, "arrive")) {
        printf("ARRIVED %s by %s\n", message, between(call, "\"DeliveryCount\":\"", "\""));
    } else if (!strcmp(function, "tick")) {
        printf("TICK %s\n", strstr(call, "\"IsPastDue\":true") ? "true" : "false");
    }
    fflush(stdout);
    reply(client, "200 OK", "application/json", out);
}

static void serve(int client) {
    static char request[SIZE], target[1024], method[16], out[SIZE];
    size_t length = 0;
    char *body = NULL;
    while (length < SIZE - 1) {
        ssize_t read_now = read(client, request + length, SIZE - 1 - length);
        if (read_now <= 0) return;
        length += (size_t)read_now;
        request[length] = 0;
        char *end = strstr(request, "\r\n\r\n");
        if (!end) continue;
        body = end + 4;
        const char *encoding = header(request, "Transfer-Encoding"), *size = header(request, "Content-Length");
        if (encoding && !strncasecmp(encoding, "chunked", 7)) {
            if (!strstr(body, "0\r\n\r\n")) continue;
            if (dechunk(body)) break;
        } else if (strlen(body) >= (size ? strtoul(size, NULL, 10) : 0)) {
            break;
        }
    }
    if (!body || sscanf(request, "%15s %1023s", method, target) != 2) return;
    char *query = strchr(target, '?');
    if (query) *query++ = 0;
    const char *functions[] = {"greet", "pass", "arrive", "tick"};
    for (size_t i = 0; i < 4; i++)
        if (!strcmp(method, "POST") && !strcmp(target + 1, functions[i])) {
            envelope(client, functions[i], body);
            return;
        }
    if (!strncmp(target, "/api/raw/", 9)) {
        snprintf(out, SIZE, "%s %s %s %s", method, target, query ? between(strcat(query, "&"), "a=", "&") : "", body);
        reply(client, "200 OK", "text/plain", out);
    } else {
        reply(client, "404 Not Found", "text/plain", "");
    }
}

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)atoi(getenv("FUNCTIONS_CUSTOMHANDLER_PORT"))),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 64)) return 1;
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        if (fork() == 0) {
            close(server);
            serve(client);
            _exit(0);
        }
        close(client);
    }
}
