/* An HTTP/1.1 server that costs next to nothing, to measure clients against.
 *
 *   cc -O2 -o null_server null_server.c                             without TLS
 *   cc -O2 -DTLS -o null_server null_server.c -lssl -lcrypto        with it
 *   null_server [SERVICE_US [ROWS [VARIES [CERTIFICATE KEY]]]]
 *
 * Binds 127.0.0.1 and a free port, speaks TLS where it is given a certificate (PEM), and prints the port as its first line.
 * Every request gets the same score answer of ROWS rows (2), or one with other last digits where
 * VARIES is 1: at once, or SERVICE_US microseconds
 * after its last byte was read, by a timer and for any number of requests side by side. The header
 * `x-service-us` holds the time that really passed in the server. Linux only: epoll, timerfd.
 * Keep-alive always; pipelined requests are not supported. Ends with SIGTERM, or with its
 * standard input where that is a pipe.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

enum { CONNECTIONS_MAX = 16384, HEAD_MAX = 16384, EVENTS_MAX = 256 };

static const char *const ROWS[] = {"[0.0148545540869236,0.9851454496383667]",
                                   "[0.42336025834083557,0.5766397714614868]"};
static const char BODY_END[] = "],\"model\":\"m\",\"usage\":null,\"object\":\"scoring\"}";

static char *body;
static size_t body_bytes;
static int varies;

typedef struct {
  char head[HEAD_MAX];  /* the request, until its head is whole */
  size_t head_bytes;
  size_t body_left;     /* bytes of the body still to come */
  int in_body;
  uint64_t received_ns; /* when the last byte was read */
  uint32_t generation;  /* tells a closed connection from its successor */
#ifdef TLS
  SSL *tls;
#endif
} Connection;

#ifdef TLS
static SSL_CTX *tls_context;
#endif

typedef struct {
  int fd;
  uint32_t generation;
  uint64_t due_ns;
} Due;

static Connection *connections[CONNECTIONS_MAX];
static uint32_t generations[CONNECTIONS_MAX];
/* The service time is constant, so what came first is due first. */
static Due queue[CONNECTIONS_MAX];
static size_t queue_head, queue_size;
static uint64_t service_ns;
static int epoll_fd, timer_fd;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void close_connection(int fd) {
  generations[fd]++;
#ifdef TLS
  if (connections[fd]->tls != NULL) SSL_free(connections[fd]->tls);
#endif
  free(connections[fd]);
  connections[fd] = NULL;
  close(fd);
}

static ssize_t send_bytes(int fd, const char *bytes, size_t size) {
#ifdef TLS
  if (connections[fd]->tls != NULL) return SSL_write(connections[fd]->tls, bytes, (int)size);
#endif
  return send(fd, bytes, size, MSG_NOSIGNAL);
}

/* Below 0 where nothing can be read now, 0 where nothing can be read any more. */
static ssize_t receive_bytes(int fd, char *to, size_t room) {
#ifdef TLS
  SSL *tls = connections[fd]->tls;
  if (tls != NULL) {
    ERR_clear_error();
    int n = SSL_read(tls, to, (int)room);
    if (n > 0) return n;
    return SSL_get_error(tls, n) == SSL_ERROR_WANT_READ ? -1 : 0;
  }
#endif
  ssize_t n = recv(fd, to, room, 0);
  return n < 0 && errno != EAGAIN && errno != EINTR ? 0 : n;
}

static int has_buffered(int fd) {
#ifdef TLS
  Connection *c = connections[fd];
  return c != NULL && c->tls != NULL && SSL_pending(c->tls) > 0;
#else
  (void)fd;
  return 0;
#endif
}

static void answer(int fd) {
  Connection *c = connections[fd];
  static char *out;
  if (out == NULL && (out = malloc(body_bytes + 512)) == NULL) die("malloc");
  uint64_t service_us = (now_ns() - c->received_ns) / 1000;
  int n = snprintf(out, 512,
                   "HTTP/1.1 200 OK\r\ndate: Tue, 04 Aug 2026 08:00:00 GMT\r\n"
                   "server: null\r\nx-service-us: %llu\r\n"
                   "content-length: %zu\r\ncontent-type: application/json\r\n\r\n",
                   (unsigned long long)service_us, body_bytes);
  if (varies) { /* the last digits of the first score; its row sums to 1 all the same */
    static uint32_t number;
    char *last = body + strlen("{\"scores\":[[0.0148545540");
    number = (number + 1) % 1000000;
    for (uint32_t rest = number, i = 6; i-- > 0; rest /= 10) last[i] = (char)('0' + rest % 10);
  }
  memcpy(out + n, body, body_bytes);
  size_t size = (size_t)n + body_bytes;
  if (send_bytes(fd, out, size) != (ssize_t)size) close_connection(fd);
}

static void make_body(size_t rows) {
  body = malloc(64 + 64 * rows);
  if (body == NULL) die("malloc");
  char *at = stpcpy(body, "{\"scores\":[");
  for (size_t i = 0; i < rows; i++) {
    if (i > 0) *at++ = ',';
    at = stpcpy(at, ROWS[i % 2]);
  }
  at = stpcpy(at, BODY_END);
  body_bytes = (size_t)(at - body);
}

static void arm_timer(uint64_t due_ns) {
  struct itimerspec when = {{0, 0}, {(time_t)(due_ns / 1000000000u), (long)(due_ns % 1000000000u)}};
  if (timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0) die("timerfd_settime");
}

static void request_done(int fd) {
  Connection *c = connections[fd];
  c->head_bytes = 0;
  c->in_body = 0;
  c->received_ns = now_ns();
  if (service_ns == 0) {
    answer(fd);
    return;
  }
  if (queue_size == CONNECTIONS_MAX) { /* more than one entry a connection: dead ones pile up */
    close_connection(fd);
    return;
  }
  Due due = {fd, c->generation, c->received_ns + service_ns};
  queue[(queue_head + queue_size++) % CONNECTIONS_MAX] = due;
  if (queue_size == 1) arm_timer(due.due_ns);
}

static void timer_fired(void) {
  uint64_t expirations;
  if (read(timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("read timer");
  while (queue_size > 0 && queue[queue_head].due_ns <= now_ns()) {
    Due due = queue[queue_head];
    queue_head = (queue_head + 1) % CONNECTIONS_MAX;
    queue_size--;
    Connection *c = connections[due.fd];
    if (c != NULL && c->generation == due.generation) answer(due.fd);
  }
  if (queue_size > 0) arm_timer(queue[queue_head].due_ns);
}

/* Looks for the end of the head; returns 0 if the request cannot be read. */
static int take_head(Connection *c) {
  char *end = memmem(c->head, c->head_bytes, "\r\n\r\n", 4);
  if (end == NULL) return c->head_bytes < HEAD_MAX - 1;
  size_t length = 0;
  for (char *line = c->head; line < end;) {
    if (strncasecmp(line, "content-length:", 15) == 0) length = strtoull(line + 15, NULL, 10);
    char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
    line = next + 2;
  }
  size_t have = c->head_bytes - (size_t)(end + 4 - c->head);
  if (have > length) return 0;
  c->body_left = length - have;
  c->in_body = 1;
  return 1;
}

static void readable(int fd) {
  static char scratch[262144];
  Connection *c = connections[fd];
  char *to = c->in_body ? scratch : c->head + c->head_bytes;
  size_t room = c->in_body ? sizeof scratch : HEAD_MAX - 1 - c->head_bytes;
  ssize_t n = receive_bytes(fd, to, room);
  if (n < 0) return;
  int good = n > 0;
  if (good && c->in_body) {
    good = (size_t)n <= c->body_left;
    if (good) c->body_left -= (size_t)n;
  } else if (good) {
    c->head_bytes += (size_t)n;
    c->head[c->head_bytes] = '\0'; /* strtoull stops here */
    good = take_head(c);
  }
  if (!good) close_connection(fd);
  else if (c->in_body && c->body_left == 0) request_done(fd);
}

static void watch(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void accept_one(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  if (fd >= CONNECTIONS_MAX) {
    close(fd);
    return;
  }
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connections[fd] = calloc(1, sizeof(Connection));
  if (connections[fd] == NULL) die("calloc");
  connections[fd]->generation = generations[fd];
#ifdef TLS
  if (tls_context != NULL) {
    SSL *tls = connections[fd]->tls = SSL_new(tls_context);
    if (tls == NULL || SSL_set_fd(tls, fd) != 1) die("SSL_new");
    SSL_set_accept_state(tls);
  }
#endif
  watch(fd);
}

int main(int argc, char **argv) {
  service_ns = argc > 1 ? strtoull(argv[1], NULL, 10) * 1000u : 0;
  signal(SIGPIPE, SIG_IGN); /* a client that has gone is no reason to end; OpenSSL has no MSG_NOSIGNAL */
  make_body(argc > 2 ? strtoull(argv[2], NULL, 10) : 2);
  varies = argc > 3 && atoi(argv[3]) != 0;
#ifdef TLS
  if (argc > 5) {
    tls_context = SSL_CTX_new(TLS_server_method());
    if (tls_context == NULL || SSL_CTX_use_certificate_file(tls_context, argv[4], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, argv[5], SSL_FILETYPE_PEM) != 1) {
      ERR_print_errors_fp(stderr);
      return 1;
    }
  }
#endif
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) < 0) die("bind");
  if (listen(listener, 16384) < 0) die("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) die("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  watch(listener);
  watch(timer_fd);
  /* A parent that dies closes the pipe, and no server is left behind. */
  struct stat input;
  int watches_input = fstat(0, &input) == 0 && S_ISFIFO(input.st_mode);
  if (watches_input) watch(0);
  for (;;) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        accept_one(listener);
      } else if (fd == timer_fd) {
        timer_fired();
      } else if (fd == 0 && watches_input) {
        char byte;
        if (read(0, &byte, 1) <= 0) return 0;
      } else if (connections[fd] != NULL) {
        do readable(fd); while (has_buffered(fd));
      }
    }
  }
}
