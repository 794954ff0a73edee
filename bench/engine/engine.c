/*
 * The load generator: holds all client sockets, forwards bytes to the driver while clients are set up, and
 * then sends and counts on its own. It knows no protocol: a publisher is a message to repeat, perhaps with a
 * counter in it, and a delivery is one occurrence of a marker.
 *
 * Sockets that only count bytes discard them in the kernel (MSG_TRUNC), so that a delivery costs the generator
 * much less than the server. Commands come on standard input and reports go to standard output, both as a
 * 32-bit little-endian length, one byte of type, and the rest; see engine.ts, which has the same layouts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum command { CMD_OPEN = 1, CMD_WRITE = 2, CMD_SPEC = 3, CMD_RUN = 4, CMD_CLOSE = 5 };
enum report { REP_CONNECTED = 1, REP_DATA = 2, REP_CLOSED = 3, REP_RESULT = 4 };
enum flag { FLAG_METER = 1, FLAG_PUBLISHER = 2, FLAG_REPLY = 4 };

#define CLIENTS_MAX 65536
#define CARRY_MAX 64
#define READ_BYTES (256 * 1024)
#define DISCARD_BYTES (16 * 1024 * 1024)
#define BURST_MAX 512
#define STALL_NS 100000000ull
#define SAMPLES_MAX 2000000
#define NAP_NS 100000ull
#define EVENTS_MAX 256
#define STAMP_DIGITS 16

/* The fixed part of CMD_SPEC, before marker and template. */
struct spec {
  uint32_t id;
  uint32_t flags;
  double gain; /* messages that may be sent for each one received */
  uint32_t window;
  uint32_t counter_at, counter_bytes; /* a big-endian counter in the template */
  uint32_t stamp_at;                  /* 16 hexadecimal digits of nanoseconds, or UINT32_MAX */
  uint64_t counter;
  uint32_t marker_bytes, template_bytes;
} __attribute__((packed));

/* CMD_RUN. */
struct run {
  double rate; /* messages a second over all publishers; 0 saturates */
  uint32_t warm_ms, measure_ms;
  uint32_t pid;
  uint32_t naps; /* sleeps between messages instead of spinning: leaves its core to others */
} __attribute__((packed));

/* REP_RESULT, followed by `samples` latencies and `lags` in nanoseconds, 32 bits each. */
struct result {
  double wall_s, server_cpu_s, own_cpu_s;
  uint64_t bytes, meter_bytes, meter_messages, sent, stalls, lost;
  uint32_t samples;
  uint32_t lags; /* how long after it was due each message of a pace was sent */
} __attribute__((packed));

struct client {
  int fd;
  int connected;
  struct spec spec;
  uint8_t *marker, *template;
  uint8_t *out;
  size_t out_from, out_end, out_capacity;
  int wants_write;
  uint8_t carry[CARRY_MAX];
  uint32_t carry_bytes;
  uint64_t received, sent, granted, sent_at;
};

static struct client *clients[CLIENTS_MAX];
static uint32_t client_count;
static uint32_t publishers[CLIENTS_MAX];
static uint32_t publisher_count, next_publisher;
static int poller, is_running, is_measuring;
static struct run run;
static struct result totals;
static uint32_t *samples, *lags;
static uint8_t *read_buffer;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static double own_cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Seconds that the process has run on a CPU: ticks of all its threads, living and dead. */
static double server_cpu(uint32_t pid) {
  char path[300], line[600];
  snprintf(path, sizeof path, "/proc/%u/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) return 0;
  uint64_t total = 0;
  for (struct dirent *task = readdir(tasks); task; task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%u/task/%s/schedstat", pid, task->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(line, sizeof line, file)) total += strtoull(line, NULL, 10);
    fclose(file);
  }
  closedir(tasks);
  if (total > 0) return (double)total / 1e9;
  /* Kernels without schedstat count in ticks. */
  snprintf(path, sizeof path, "/proc/%u/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  unsigned long user = 0, system = 0;
  if (fgets(line, sizeof line, file)) {
    char *end = strrchr(line, ')');
    if (end) sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  }
  fclose(file);
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- the driver's side ------------------------------------------------------------------------------- */

static void write_all(int fd, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  while (count > 0) {
    ssize_t n = write(fd, at, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) exit(1);
    at += n;
    count -= (size_t)n;
  }
}

static void report(uint8_t type, const void *head, size_t head_bytes, const void *rest, size_t rest_bytes) {
  uint32_t length = (uint32_t)(1 + head_bytes + rest_bytes);
  write_all(1, &length, 4);
  write_all(1, &type, 1);
  write_all(1, head, head_bytes);
  if (rest_bytes > 0) write_all(1, rest, rest_bytes);
}

static void report_client(uint8_t type, uint32_t id, const void *rest, size_t rest_bytes) {
  report(type, &id, 4, rest, rest_bytes);
}

/* ---- sockets ------------------------------------------------------------------------------------------ */

static void watch(struct client *c, uint32_t id, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (c->wants_write ? EPOLLOUT : 0), .data.u32 = id};
  if (epoll_ctl(poller, operation, c->fd, &event) < 0) die("epoll_ctl");
}

static void drop(uint32_t id) {
  struct client *c = clients[id];
  if (c->fd < 0) return;
  close(c->fd);
  c->fd = -1;
  totals.lost += 1;
  if (!is_running) report_client(REP_CLOSED, id, NULL, 0);
}

static void open_clients(uint32_t count, uint16_t port) {
  for (uint32_t i = 0; i < count && client_count < CLIENTS_MAX; i++) {
    uint32_t id = client_count++;
    struct client *c = calloc(1, sizeof *c);
    clients[id] = c;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* BBR paces on loopback too; where Reno is not allowed the system's choice stays. */
    setsockopt(c->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) die("connect");
    c->wants_write = 1;
    watch(c, id, EPOLL_CTL_ADD);
  }
}

static void flush_client(struct client *c, uint32_t id) {
  while (c->out_from < c->out_end) {
    ssize_t n = send(c->fd, c->out + c->out_from, c->out_end - c->out_from, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return drop(id);
    if (n < 0) break;
    c->out_from += (size_t)n;
  }
  if (c->out_from == c->out_end) c->out_from = c->out_end = 0;
  int wants = c->out_end > 0;
  if (wants == c->wants_write) return;
  c->wants_write = wants;
  watch(c, id, EPOLL_CTL_MOD);
}

static uint8_t *room_for(struct client *c, size_t bytes) {
  if (c->out_end + bytes > c->out_capacity) {
    size_t capacity = c->out_capacity ? c->out_capacity : 4096;
    while (capacity < c->out_end + bytes) capacity *= 2;
    c->out = realloc(c->out, capacity);
    c->out_capacity = capacity;
  }
  return c->out + c->out_end;
}

static void write_stamp(uint8_t *at, uint64_t value) {
  for (int i = STAMP_DIGITS - 1; i >= 0; i--, value >>= 4) at[i] = (uint8_t) "0123456789abcdef"[value & 15];
}

static uint64_t read_stamp(const uint8_t *at) {
  uint64_t value = 0;
  for (int i = 0; i < STAMP_DIGITS; i++) value = value << 4 | (uint64_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
  return value;
}

static void publish(uint32_t id, uint32_t count) {
  struct client *c = clients[id];
  if (c->fd < 0) return;
  const struct spec *s = &c->spec;
  uint64_t now = now_ns();
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *at = room_for(c, s->template_bytes);
    memcpy(at, c->template, s->template_bytes);
    uint64_t counter = c->spec.counter++;
    for (uint32_t b = 0; b < s->counter_bytes; b++)
      at[s->counter_at + b] = (uint8_t)(counter >> (8 * (s->counter_bytes - 1 - b)));
    if (s->stamp_at != UINT32_MAX) write_stamp(at + s->stamp_at, now);
    c->out_end += s->template_bytes;
  }
  c->sent += count;
  c->sent_at = now;
  if (is_measuring) totals.sent += count;
  if (!c->wants_write) flush_client(c, id);
}

/* Sends what the window allows. */
static void publish_allowed(uint32_t id) {
  struct client *c = clients[id];
  for (;;) {
    uint64_t allowed = c->spec.window + c->granted + (uint64_t)((double)c->received * c->spec.gain);
    if (allowed <= c->sent) return;
    uint64_t more = allowed - c->sent;
    publish(id, more > BURST_MAX ? BURST_MAX : (uint32_t)more);
    if (c->wants_write || c->fd < 0) return;
  }
}

static void keep(uint32_t *list, uint32_t *count, uint64_t ns) {
  if (is_measuring && *count < SAMPLES_MAX) list[(*count)++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static void add_sample(uint64_t ns) { keep(samples, &totals.samples, ns); }

/* Counts markers in the carry and the fresh bytes, which follow it in memory; keeps what may be cut. */
static void count_messages(struct client *c, uint8_t *bytes, size_t count) {
  const struct spec *s = &c->spec;
  uint8_t *start = bytes - c->carry_bytes, *end = bytes + count, *at = start;
  memcpy(start, c->carry, c->carry_bytes);
  size_t whole = s->marker_bytes + (s->stamp_at != UINT32_MAX && !(s->flags & FLAG_REPLY) ? STAMP_DIGITS : 0);
  uint64_t found = 0, now = s->stamp_at != UINT32_MAX ? now_ns() : 0;
  uint8_t *keep = NULL;
  for (;;) {
    uint8_t *hit = memmem(at, (size_t)(end - at), c->marker, s->marker_bytes);
    if (!hit) break;
    if ((size_t)(end - hit) < whole) {
      keep = hit;
      break;
    }
    found += 1;
    if (s->flags & FLAG_REPLY) add_sample(now - c->sent_at);
    else if (now) add_sample(now - read_stamp(hit + s->marker_bytes));
    at = hit + whole;
  }
  size_t tail = s->marker_bytes - 1;
  if (!keep) keep = (size_t)(end - at) < tail ? at : end - tail;
  c->carry_bytes = (uint32_t)(end - keep);
  memcpy(c->carry, keep, c->carry_bytes);
  c->received += found;
  if (is_measuring) {
    totals.meter_bytes += count;
    totals.meter_messages += found;
  }
}

static void readable(uint32_t id) {
  struct client *c = clients[id];
  int is_meter = !is_running || (c->spec.flags & FLAG_METER);
  ssize_t n = is_meter ? recv(c->fd, read_buffer + CARRY_MAX, READ_BYTES, MSG_DONTWAIT)
                       : recv(c->fd, NULL, DISCARD_BYTES, MSG_DONTWAIT | MSG_TRUNC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(id);
  if (!is_running) return report_client(REP_DATA, id, read_buffer + CARRY_MAX, (size_t)n);
  if (is_measuring) totals.bytes += (uint64_t)n;
  if (is_meter) count_messages(c, read_buffer + CARRY_MAX, (size_t)n);
  if (run.rate == 0 && (c->spec.flags & FLAG_PUBLISHER)) publish_allowed(id);
}

static void handle_event(const struct epoll_event *event) {
  uint32_t id = event->data.u32;
  struct client *c = clients[id];
  if (c->fd < 0) return;
  if (event->events & EPOLLOUT) {
    if (!c->connected) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error) return drop(id);
      c->connected = 1;
      report_client(REP_CONNECTED, id, NULL, 0);
    }
    flush_client(c, id);
  }
  if (c->fd >= 0 && event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(id);
}

/* ---- load --------------------------------------------------------------------------------------------- */

/* A server that drops messages takes the window with it: after a silence every publisher gets it anew. */
static void check_stall(uint64_t now) {
  static uint64_t checked_at, seen;
  if (now - checked_at < STALL_NS) return;
  checked_at = now;
  uint64_t received = 0;
  for (uint32_t i = 0; i < publisher_count; i++) received += clients[publishers[i]]->received;
  int stalled = received == seen;
  seen = received;
  if (!stalled) return;
  if (is_measuring) totals.stalls += 1;
  for (uint32_t i = 0; i < publisher_count; i++) {
    clients[publishers[i]]->granted += clients[publishers[i]]->spec.window;
    publish_allowed(publishers[i]);
  }
}

static void start_measuring(uint64_t now, uint64_t *started) {
  memset(&totals, 0, sizeof totals);
  is_measuring = 1;
  totals.server_cpu_s = -server_cpu(run.pid);
  totals.own_cpu_s = -own_cpu();
  *started = now;
}

static void finish(uint64_t started) {
  totals.wall_s = (double)(now_ns() - started) / 1e9;
  totals.server_cpu_s += server_cpu(run.pid);
  totals.own_cpu_s += own_cpu();
  is_measuring = is_running = 0;
  memcpy(samples + totals.samples, lags, (size_t)totals.lags * 4);
  report(REP_RESULT, &totals, sizeof totals, samples, ((size_t)totals.samples + totals.lags) * 4);
}

/* At a pace the generator spins: its own waking up would count as the server's latency. */
static int next_events(struct epoll_event *events, uint64_t due) {
  if (!due) return epoll_wait(poller, events, EVENTS_MAX, 20);
  uint64_t now = run.naps ? now_ns() : due;
  if (now >= due) return epoll_wait(poller, events, EVENTS_MAX, 0);
  uint64_t left = due - now;
  struct timespec nap = {.tv_nsec = (long)(left > NAP_NS ? left : NAP_NS)};
  return epoll_pwait2(poller, events, EVENTS_MAX, &nap, NULL);
}

static void run_load(void) {
  struct epoll_event events[EVENTS_MAX];
  is_running = 1;
  publisher_count = next_publisher = 0;
  for (uint32_t id = 0; id < client_count; id++)
    if (clients[id]->spec.flags & FLAG_PUBLISHER) publishers[publisher_count++] = id;
  uint64_t begun = now_ns(), started = 0, due = begun;
  uint64_t warm_until = begun + run.warm_ms * 1000000ull, until = warm_until + run.measure_ms * 1000000ull;
  uint64_t step = run.rate > 0 ? (uint64_t)(1e9 / run.rate) : 0;
  if (step == 0)
    for (uint32_t i = 0; i < publisher_count; i++) publish_allowed(publishers[i]);
  for (;;) {
    int n = next_events(events, step ? due : 0);
    for (int i = 0; i < n; i++)
      if (events[i].data.u32 != UINT32_MAX) handle_event(&events[i]);
    uint64_t now = now_ns();
    for (; step && due <= now; due += step) {
      keep(lags, &totals.lags, now_ns() - due);
      publish(publishers[next_publisher], 1);
      next_publisher = (next_publisher + 1) % publisher_count;
    }
    if (!step) check_stall(now);
    if (!is_measuring && now >= warm_until) start_measuring(now, &started);
    if (is_measuring && now >= until) break;
  }
  finish(started);
}

static void set_spec(const uint8_t *bytes) {
  struct spec spec;
  memcpy(&spec, bytes, sizeof spec);
  struct client *c = clients[spec.id];
  c->spec = spec;
  c->marker = malloc(spec.marker_bytes + 1);
  memcpy(c->marker, bytes + sizeof spec, spec.marker_bytes);
  c->template = malloc(spec.template_bytes + 1);
  memcpy(c->template, bytes + sizeof spec + spec.marker_bytes, spec.template_bytes);
  c->received = c->sent = c->granted = c->carry_bytes = 0;
}

static void handle_command(uint8_t type, const uint8_t *bytes, size_t count) {
  uint32_t id;
  memcpy(&id, bytes, 4);
  if (type == CMD_OPEN) {
    uint16_t port;
    memcpy(&port, bytes + 4, 2);
    open_clients(id, port);
  } else if (type == CMD_WRITE) {
    struct client *c = clients[id];
    if (c->fd < 0) return;
    memcpy(room_for(c, count - 4), bytes + 4, count - 4);
    c->out_end += count - 4;
    if (!c->wants_write) flush_client(c, id);
  } else if (type == CMD_SPEC) {
    set_spec(bytes);
  } else if (type == CMD_RUN) {
    memcpy(&run, bytes, sizeof run);
    run_load();
  } else if (type == CMD_CLOSE) {
    exit(0);
  }
}

/* Reads what there is and handles every whole command. */
static void read_commands(void) {
  static uint8_t *held;
  static size_t length, capacity;
  if (capacity - length < 65536) held = realloc(held, capacity = capacity * 2 + 131072);
  ssize_t n = read(0, held + length, capacity - length);
  if (n <= 0) exit(0);
  length += (size_t)n;
  size_t at = 0;
  for (;;) {
    uint32_t size;
    if (length - at < 4) break;
    memcpy(&size, held + at, 4);
    if (length - at - 4 < size) break;
    handle_command(held[at + 4], held + at + 5, size - 1);
    at += 4 + size;
  }
  memmove(held, held + at, length - at);
  length -= at;
}

int main(void) {
  poller = epoll_create1(0);
  read_buffer = malloc(CARRY_MAX + READ_BYTES);
  samples = malloc(2 * SAMPLES_MAX * sizeof *samples);
  lags = malloc(SAMPLES_MAX * sizeof *lags);
  if (poller < 0 || !read_buffer || !samples || !lags) die("start");
  struct epoll_event input = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input) < 0) die("standard input");
  for (;;) {
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(poller, events, EVENTS_MAX, -1);
    for (int i = 0; i < n; i++)
      if (events[i].data.u32 == UINT32_MAX) read_commands();
      else handle_event(&events[i]);
  }
}
