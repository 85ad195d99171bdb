// LONG: both ends of one benchmark, so that the frames they write are read by the same code.
//
// Both ends of WebSockets for the benchmark: an echo server, and loads for what is between. One thread
// each, so that they cost less than what they measure.
//
//   websocket server PORT                            echoes; sends without end to /socket?flood; answers
//                                                    other requests with "ok"
//   websocket echo PORT CONNECTIONS SIZE SECONDS     each connection has one message under way
//   websocket idle PORT CONNECTIONS                  answers pings until its input ends
//   websocket idle-tls PORT CONNECTIONS              the same by TLS 1.3, but answers nothing
//   websocket chat PORT CONNECTIONS SIZE RATE        so many messages a second on each, until its input ends
//   websocket flood PORT BYTES                       one session that reads so many a second of what the
//                                                    server sends without end, until its input ends
//   websocket rest PORT CONNECTIONS RATE SECONDS     GETs, so many a second over all connections; 0 for as
//                                                    many as are answered. Latencies count from when a
//                                                    request was due; there is a p99 for each 200 ms.
//   websocket open PORT CONCURRENCY SECONDS          handshakes; each connection is closed at its 101
//   websocket upgrade PORT CONNECTIONS               so many handshakes, 32 at a time; they stay open until
//                                                    its input ends
//
// A load prints "ready", waits for a line, and prints its result as JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { most = 20000, room = 256 * 1024, most_samples = 4000000 };

typedef struct {
  int descriptor;
  int is_open;          // the handshake is over
  int is_flooded;       // sent to without end, from `flood_at` in the frame on
  size_t flood_at;
  size_t held;          // bytes of an incomplete head or frame
  uint8_t *bytes;       // memory for those, only while there are any
  uint64_t sent_at;
} Connection;

static Connection connections[most + 8];
static uint8_t input[room + 1];
static int epoll;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void raise_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void watch(int descriptor) {
  int one = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
  connections[descriptor] = (Connection){.descriptor = descriptor};
}

// Messages here are smaller than a socket's buffer, and nobody has two under way.
static void send_all(int descriptor, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = send(descriptor, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      usleep(50);
      continue;
    }
    if (sent <= 0) return;
    bytes += sent;
    count -= (size_t)sent;
  }
}

static void end(Connection *connection) {
  close(connection->descriptor);
  free(connection->bytes);
  connection->bytes = NULL;
  connection->held = 0;
  connection->descriptor = 0;
}

// What was held and what is new, in one piece; NULL when the peer is gone or nothing came.
static uint8_t *receive(Connection *connection, size_t *count, int *is_gone) {
  size_t held = connection->held;
  if (held > 0) memcpy(input, connection->bytes, held);
  ssize_t got = recv(connection->descriptor, input + held, room - held, 0);
  *is_gone = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  if (got <= 0) return NULL;
  *count = held + (size_t)got;
  return input;
}

static void hold(Connection *connection, const uint8_t *bytes, size_t count) {
  if (count == 0) {
    free(connection->bytes);
    connection->bytes = NULL;
  } else {
    connection->bytes = realloc(connection->bytes, count);
    memmove(connection->bytes, bytes, count);
  }
  connection->held = count;
}

// The frame at `bytes`: its whole length, 0 when it is not all there.
static size_t frame(const uint8_t *bytes, size_t count, size_t *header, uint64_t *payload) {
  if (count < 2) return 0;
  uint64_t length = bytes[1] & 0x7F;
  size_t size = 2;
  if (length == 126) {
    if (count < 4) return 0;
    length = (uint64_t)bytes[2] << 8 | bytes[3];
    size = 4;
  } else if (length == 127) {
    if (count < 10) return 0;
    length = 0;
    for (int index = 2; index < 10; index++) length = length << 8 | bytes[index];
    size = 10;
  }
  if (bytes[1] & 0x80) size += 4;
  *header = size;
  *payload = length;
  return count < size + length ? 0 : size + length;
}

static size_t write_header(uint8_t *out, int opcode, uint64_t payload, int is_masked) {
  uint8_t bit = is_masked ? 0x80 : 0;
  size_t size = 2;
  out[0] = (uint8_t)(0x80 | opcode);
  if (payload < 126) {
    out[1] = (uint8_t)(bit | payload);
  } else if (payload < 65536) {
    out[1] = bit | 126;
    out[2] = (uint8_t)(payload >> 8);
    out[3] = (uint8_t)payload;
    size = 4;
  } else {
    out[1] = bit | 127;
    for (int index = 0; index < 8; index++) out[2 + index] = (uint8_t)(payload >> (56 - 8 * index));
    size = 10;
  }
  return size;
}

static const uint8_t mask[4] = {0x5A, 0x3C, 0x96, 0x0F};

static void apply(uint8_t *out, const uint8_t *in, size_t count, const uint8_t *key) {
  for (size_t index = 0; index < count; index++) out[index] = in[index] ^ key[index & 3];
}

static uint8_t output[room];

// MARK: The server

static uint8_t flood[64 * 1024];

static void send_flood(Connection *connection) {
  size_t at = connection->flood_at;
  ssize_t sent = send(connection->descriptor, flood + at, sizeof flood - at, MSG_NOSIGNAL);
  if (sent > 0) connection->flood_at = (at + (size_t)sent) % sizeof flood;
}

static void begin_flood(Connection *connection) {
  // One message of one frame: a header of four bytes and the rest of the array.
  write_header(flood, 2, sizeof flood - 4, 0);
  connection->is_flooded = 1;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = connection->descriptor};
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->descriptor, &event);
}

static void accept_handshake(Connection *connection, uint8_t *head, size_t count) {
  head[count] = 0;
  char *key = strcasestr((char *)head, "\r\nsec-websocket-key:");
  if (key == NULL) {
    static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    return send_all(connection->descriptor, (const uint8_t *)plain, sizeof plain - 1);
  }
  key += 20;
  while (*key == ' ') key++;
  char text[128];
  size_t length = strcspn(key, "\r\n");
  if (length > 64) length = 64;
  memcpy(text, key, length);
  strcpy(text + length, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  unsigned char digest[20], accept[32];
  SHA1((unsigned char *)text, strlen(text), digest);
  EVP_EncodeBlock(accept, digest, 20);
  int size = snprintf((char *)output, room,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
  send_all(connection->descriptor, output, (size_t)size);
  connection->is_open = 1;
  if (strncmp((char *)head, "GET /socket?flood ", 18) == 0) begin_flood(connection);
}

// Echoes messages, answers pings and close frames.
static void serve(Connection *connection) {
  size_t count = 0;
  int is_gone;
  uint8_t *bytes = receive(connection, &count, &is_gone);
  if (bytes == NULL) {
    if (is_gone) end(connection);
    return;
  }
  size_t at = 0;
  while (!connection->is_open) {
    uint8_t *stop = memmem(bytes + at, count - at, "\r\n\r\n", 4);
    if (stop == NULL) return hold(connection, bytes + at, count - at);
    size_t size = (size_t)(stop - bytes) + 4 - at;
    uint8_t after = bytes[at + size];
    accept_handshake(connection, bytes + at, size);
    at += size;
    bytes[at] = after;
  }
  size_t written = 0, header, whole;
  uint64_t payload;
  while ((whole = frame(bytes + at, count - at, &header, &payload)) > 0) {
    int opcode = bytes[at] & 15;
    if (written + payload + 16 > room) {
      send_all(connection->descriptor, output, written);
      written = 0;
    }
    if (opcode == 9) opcode = 10;
    if (opcode != 10 || (bytes[at] & 15) == 9) {
      written += write_header(output + written, opcode, payload, 0);
      apply(output + written, bytes + at + header, payload, bytes + at + header - 4);
      written += payload;
    }
    at += whole;
    if (opcode == 8) {
      send_all(connection->descriptor, output, written);
      return end(connection);
    }
  }
  if (written > 0) send_all(connection->descriptor, output, written);
  hold(connection, bytes + at, count - at);
}

static void run_server(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = loopback(port);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  if (listen(listener, 4096) != 0) fail("listen");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  while (1) {
    int count = epoll_wait(epoll, events, 256, -1);
    for (int index = 0; index < count; index++) {
      int descriptor = events[index].data.fd;
      if (descriptor != listener) {
        if (events[index].events & EPOLLOUT) send_flood(&connections[descriptor]);
        if (events[index].events & ~(uint32_t)EPOLLOUT) serve(&connections[descriptor]);
        continue;
      }
      int accepted;
      while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (accepted < most) watch(accepted); else close(accepted);
      }
    }
  }
}

// MARK: Loads

static int port;
static const char *path = "/socket";

static int open_connection(void) {
  int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = loopback(port);
  if (descriptor < 0 || descriptor >= most) fail("socket");
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  fcntl(descriptor, F_SETFL, O_NONBLOCK);
  watch(descriptor);
  return descriptor;
}

static void begin_handshake(void) {
  int descriptor = open_connection();
  int size = snprintf((char *)output, room,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);
  connections[descriptor].sent_at = now();
  send_all(descriptor, output, (size_t)size);
}

// Takes the 101; 1 when the connection is open now, -1 when it was refused.
static int take_answer(Connection *connection, uint8_t *bytes, size_t count, size_t *at) {
  uint8_t *stop = memmem(bytes, count, "\r\n\r\n", 4);
  if (stop == NULL) return 0;
  if (count < 12 || memcmp(bytes + 9, "101", 3) != 0) return -1;
  *at = (size_t)(stop - bytes) + 4;
  connection->is_open = 1;
  return 1;
}

static uint64_t open_count, messages, errors, samples_count;
static uint32_t *samples;
static int is_running, echo_size;

static void send_message(Connection *connection) {
  size_t size = write_header(output, 2, (uint64_t)echo_size, 1);
  memcpy(output + size, mask, 4);
  size += 4 + (size_t)echo_size;
  connection->sent_at = now();
  send_all(connection->descriptor, output, size);
}

static void note(uint64_t since) {
  if (samples_count < most_samples) samples[samples_count++] = (uint32_t)((now() - since) / 1000);
}

static void answer_ping(Connection *connection, const uint8_t *payload, uint64_t count) {
  uint8_t pong[140];
  size_t size = write_header(pong, 10, count, 1);
  memcpy(pong + size, mask, 4);
  apply(pong + size + 4, payload, count, mask);
  send_all(connection->descriptor, pong, size + 4 + count);
}

// What one event means for a load; `closes`: a connection is done at its 101.
static void loaded(Connection *connection, int closes) {
  size_t count = 0, at = 0, header, whole;
  int is_gone;
  uint8_t *bytes = receive(connection, &count, &is_gone);
  if (bytes == NULL) {
    if (is_gone) {
      errors++;
      if (!connection->is_open) {
        fputs("a connection was lost before it was open\n", stderr);
        exit(1);
      }
      end(connection);
    }
    return;
  }
  if (!connection->is_open) {
    int answer = take_answer(connection, bytes, count, &at);
    if (answer < 0) {
      fprintf(stderr, "refused: %.*s\n", (int)(count < 200 ? count : 200), bytes);
      exit(1);
    }
    if (answer == 0) return hold(connection, bytes, count);
    open_count++;
    if (closes) {
      note(connection->sent_at);
      messages++;
      end(connection);
      if (is_running) begin_handshake();
      return;
    }
  }
  uint64_t payload;
  while ((whole = frame(bytes + at, count - at, &header, &payload)) > 0) {
    int opcode = bytes[at] & 15;
    if (opcode == 9) {
      answer_ping(connection, bytes + at + header, payload);
    } else if (opcode == 8) {
      errors++;
      return end(connection);
    } else if (opcode != 10) {
      messages++;
      note(connection->sent_at);
      if (is_running) send_message(connection);
    }
    at += whole;
  }
  hold(connection, bytes + at, count - at);
}

// Nanoseconds; -1 for as long as it takes.
static int wait_events(int64_t most_time, int closes) {
  struct epoll_event events[256];
  struct timespec time = {most_time / 1000000000, most_time % 1000000000};
  int count = epoll_pwait2(epoll, events, 256, most_time < 0 ? NULL : &time, NULL);
  int has_input = 0;
  for (int index = 0; index < count; index++) {
    if (events[index].data.fd == 0) {
      has_input = 1;
    } else {
      loaded(&connections[events[index].data.fd], closes);
    }
  }
  return has_input;
}

static int compare(const void *first, const void *second) {
  uint32_t left = *(const uint32_t *)first, right = *(const uint32_t *)second;
  return left < right ? -1 : left > right;
}

// A line on standard input lets the load go on, its end ends it.
static int wait_for_line(int closes) {
  while (!wait_events(-1, closes)) {}
  char line[64];
  return read(0, line, sizeof line) > 0;
}

static uint32_t p99(uint32_t *from, uint64_t count) {
  qsort(from, count, sizeof *from, compare);
  return count ? from[count * 99 / 100] : 0;
}

static void print_result(uint64_t start) {
  double took = (double)(now() - start) / 1e9;
  uint32_t high = p99(samples, samples_count);
  printf("{\"count\": %lu, \"seconds\": %.4f, \"p50\": %u, \"p99\": %u, \"errors\": %lu}\n", messages,
      took, samples_count ? samples[samples_count / 2] : 0, high, errors);
}

static int next_open(int after) {
  for (int index = after + 1; index < most; index++) {
    if (connections[index].is_open && connections[index].descriptor) return index;
  }
  return -1;
}

// Messages at an even pace, the connections in turn.
static void chat(int count, double rate) {
  uint64_t step = (uint64_t)(1e9 / (rate * count)), due = now();
  int at = -1;
  while (1) {
    for (; due <= now(); due += step) {
      at = next_open(at);
      if (at < 0) at = next_open(at);
      if (at >= 0) send_message(&connections[at]);
    }
    int64_t left = (int64_t)(due - now());
    char line[64];
    if (wait_events(left < 0 ? 0 : left, 0) && read(0, line, sizeof line) <= 0) return;
  }
}

static void begin_handshakes(int count, uint64_t at_once) {
  for (int begun = 0; begun < count; begun++) {
    begin_handshake();
    while ((uint64_t)begun + 1 - open_count >= at_once) wait_events(-1, 0);
  }
  while (open_count < (uint64_t)count) wait_events(-1, 0);
}

static void run_load(const char *kind, int count, int size, double number) {
  int is_echo = strcmp(kind, "echo") == 0, closes = strcmp(kind, "open") == 0;
  echo_size = size;
  // Not more at a time than any backlog holds.
  if (!closes && strcmp(kind, "upgrade") != 0) begin_handshakes(count, 64);
  puts("ready");
  fflush(stdout);
  if (!wait_for_line(closes)) return;
  is_running = closes || is_echo;
  uint64_t start = now(), stop = start + (uint64_t)(number * 1e9);
  if (closes) {
    for (int begun = 0; begun < count; begun++) begin_handshake();
  } else if (is_echo) {
    for (int at = next_open(-1); at >= 0; at = next_open(at)) send_message(&connections[at]);
  } else if (strcmp(kind, "upgrade") == 0) {
    begin_handshakes(count, 32);
    print_result(start);
    fflush(stdout);
    while (wait_for_line(0)) {}
    return;
  } else {
    if (strcmp(kind, "chat") == 0) {
      chat(count, number);
    } else {
      while (wait_for_line(0)) {}
    }
    printf("{\"errors\": %lu, \"count\": %lu}\n", errors, messages);
    return;
  }
  while (now() < stop) wait_events(100 * 1000000, closes);
  print_result(start);
}

// MARK: A slow reader

static void run_flood(long per_second) {
  path = "/socket?flood";
  begin_handshake();
  int descriptor = 0;
  for (int index = 3; index < most; index++) {
    if (connections[index].descriptor) descriptor = index;
  }
  // The head and what came with it; from then on only so much is read.
  struct pollfd readable = {.fd = descriptor, .events = POLLIN};
  poll(&readable, 1, -1);
  if (recv(descriptor, input, 1024, 0) < 12 || memcmp(input + 9, "101", 3) != 0) {
    fputs("refused\n", stderr);
    exit(1);
  }
  puts("ready");
  fflush(stdout);
  struct pollfd line = {.fd = 0, .events = POLLIN};
  size_t piece = (size_t)per_second / 200;
  uint64_t total = 0;
  char ignored[64];
  while (1) {
    if (poll(&line, 1, 5) > 0 && read(0, ignored, sizeof ignored) <= 0) break;
    ssize_t got = recv(descriptor, input, piece < room ? piece : room, 0);
    if (got > 0) total += (uint64_t)got;
    if (got == 0) errors++;
  }
  printf("{\"errors\": %lu, \"count\": %lu}\n", errors, total);
}

// MARK: Sessions over TLS

// What they cost the proxy does not depend on what this end keeps of them, so it is the socket only.
static void run_idle_tls(int count) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  for (int index = 0; index < count; index++) {
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(port);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, descriptor);
    int size = snprintf((char *)output, room,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);
    if (SSL_connect(ssl) != 1 || SSL_write(ssl, output, size) != size
        || SSL_read(ssl, input, 1024) < 12 || memcmp(input + 9, "101", 3) != 0) {
      fputs("refused\n", stderr);
      exit(1);
    }
    SSL_set_quiet_shutdown(ssl, 1);
    SSL_free(ssl);
  }
  SSL_CTX_free(context);
  puts("ready");
  fflush(stdout);
  char ignored[64];
  while (read(0, ignored, sizeof ignored) > 0) {}
  printf("{\"errors\": 0, \"count\": 0}\n");
}

// MARK: Requests

static int resting[most], resting_count;

static void send_request(Connection *connection, uint64_t due) {
  int size = snprintf((char *)output, room, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
  connection->sent_at = due;
  send_all(connection->descriptor, output, (size_t)size);
}

static void take_response(Connection *connection, int is_paced) {
  size_t count = 0;
  int is_gone;
  uint8_t *bytes = receive(connection, &count, &is_gone);
  if (bytes == NULL) {
    if (!is_gone) return;
    errors++;
    return end(connection);
  }
  uint8_t *stop = memmem(bytes, count, "\r\n\r\n", 4);
  if (stop == NULL || bytes + count < stop + 6) return hold(connection, bytes, count);
  if (memcmp(bytes + 9, "200", 3) != 0) errors++;
  hold(connection, NULL, 0);
  note(connection->sent_at);
  messages++;
  if (is_paced) {
    resting[resting_count++] = connection->descriptor;
  } else {
    send_request(connection, now());
  }
}

// Requests at an even pace leave with the next tick, so that waking up for each does not take all of the
// load's core: what is measured would be its queue.
static const uint64_t tick = 100000;

static void wait_for_tick(void) {
  uint64_t next = (now() / tick + 1) * tick;
  struct timespec until = {(time_t)(next / 1000000000), (long)(next % 1000000000)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

// A host that stops this machine for tens of milliseconds, as it does some times a second, is in the p99 of
// every long window. Of short ones most are free of it, and their median says what the proxy does.
static const uint64_t slice = 200000000;

static void run_requests(int count, double rate, double seconds) {
  for (int index = 0; index < count; index++) resting[resting_count++] = open_connection();
  puts("ready");
  fflush(stdout);
  char line[64];
  if (read(0, line, sizeof line) <= 0) return;
  uint64_t start = now(), stop = start + (uint64_t)(seconds * 1e9), due = start;
  uint64_t step = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
  uint64_t slices[1024] = {0};
  int slice_count = 0;
  while (resting_count > 0 && rate == 0) send_request(&connections[resting[--resting_count]], start);
  while (now() < stop) {
    uint64_t time = now();
    if (time - start >= (uint64_t)(slice_count + 1) * slice && slice_count < 1023) {
      slices[++slice_count] = samples_count;
    }
    // While all are under way, what is due waits, and its wait counts.
    for (; rate > 0 && due <= time && resting_count > 0; due += step) {
      send_request(&connections[resting[--resting_count]], due);
    }
    if (rate > 0) wait_for_tick();
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, rate > 0 ? 0 : 100);
    for (int index = 0; index < ready; index++) {
      take_response(&connections[events[index].data.fd], rate > 0);
    }
  }
  double took = (double)(now() - start) / 1e9;
  printf("{\"count\": %lu, \"seconds\": %.4f, \"errors\": %lu, \"p99\": [", messages, took, errors);
  for (int at = 0; at < slice_count; at++) {
    printf("%s%u", at ? ", " : "", p99(samples + slices[at], slices[at + 1] - slices[at]));
  }
  puts("]}");
}

int main(int argc, char **argv) {
  raise_limit();
  // Paces are finer than the 50 µs by which the kernel may be late.
  prctl(PR_SET_TIMERSLACK, 1);
  epoll = epoll_create1(0);
  if (argc >= 3 && strcmp(argv[1], "server") == 0) run_server(atoi(argv[2]));
  if (argc < 4) {
    fputs("usage: see the top of websocket.c\n", stderr);
    return 2;
  }
  samples = malloc(most_samples * sizeof *samples);
  port = atoi(argv[2]);
  int count = atoi(argv[3]);
  double first = argc > 4 ? atof(argv[4]) : 0, second = argc > 5 ? atof(argv[5]) : 0;
  if (strcmp(argv[1], "rest") == 0) {
    run_requests(count, first, second);
    return 0;
  }
  if (strcmp(argv[1], "idle-tls") == 0) {
    run_idle_tls(count);
    return 0;
  }
  if (strcmp(argv[1], "flood") == 0) {
    run_flood(count);
    return 0;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.fd = 0};
  epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
  int has_size = strcmp(argv[1], "echo") == 0 || strcmp(argv[1], "chat") == 0;
  run_load(argv[1], count, has_size ? (int)first : 0, has_size ? second : first);
  return 0;
}
