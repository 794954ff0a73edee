/*
 * A lossy link between two network namespaces, for tests and benchmarks on machines whose kernel has no netem.
 *
 * Makes two anonymous namespaces with one TUN device in each and carries IPv4 packets between the devices with
 * delay, loss, duplication, reordering, a bottleneck with a drop-tail queue, an MTU black hole, outages, and a
 * NAT in front of side A whose mappings can be forgotten. The packets are real: the kernel's own TCP runs over
 * it too. The namespaces live as long as this process and those that entered them; nothing is left behind.
 *
 *   cc -O2 -o emulator emulator.c -lm         (runs as root)
 *   emulator ADDRESS_A ADDRESS_B CONGESTION_CONTROL
 *
 * Standard output: "ready PID FD_A FD_B CC_A CC_B"; a process enters with nsenter --net=/proc/PID/fd/FD.
 * Standard input, one line each, answered by "ok", or by JSON for "counters":
 *   SETTING VALUE      a setting of the table below
 *   forget             the NAT forgets every mapping
 *   counters           packets in each direction since the start
 * Ends when standard input does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "lossy0"
#define PACKET_BYTES_MAX 65536
#define PACKETS_MAX (1 << 17)
#define READS_PER_TURN 64
#define NAT_PORT_MIN 20000
#define NAT_PORT_MAX 60000
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* ---- settings ------------------------------------------------------------------------------- */

static double delay_ms, jitter_ms, loss_ab, loss_ba, duplicate, reorder, reorder_ms = 10;
static double good_ms, bad_ms; /* mean length of times without loss and of times that lose everything */
static double rate_kbit, queue_bytes = 128 * 1024, hole_bytes, outage, nat, block_udp, seed = 1;

static const struct {
  const char *name;
  double *value;
} SETTINGS[] = {
  {"delay-ms", &delay_ms}, {"jitter-ms", &jitter_ms}, {"loss-ab", &loss_ab}, {"loss-ba", &loss_ba},
  {"duplicate", &duplicate}, {"reorder", &reorder}, {"reorder-ms", &reorder_ms},
  {"good-ms", &good_ms}, {"bad-ms", &bad_ms}, {"rate-kbit", &rate_kbit}, {"queue-bytes", &queue_bytes},
  {"hole-bytes", &hole_bytes}, {"outage", &outage}, {"nat", &nat}, {"block-udp", &block_udp}, {"seed", &seed},
};

/* ---- time and chance ------------------------------------------------------------------------ */

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t ns_of_ms(double ms) { return (uint64_t)(ms * 1e6); }

static uint64_t random_state;

/* SplitMix64 */
static uint64_t random_bits(void) {
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static double random_unit(void) { return (double)(random_bits() >> 11) / 9007199254740992.0; }

static int happens(double percent) { return percent > 0 && random_unit() * 100 < percent; }

/* ---- packets under way, the earliest first --------------------------------------------------- */

typedef struct {
  uint64_t due, order;
  uint32_t length;
  int to;
  uint8_t *bytes;
} Packet;

static Packet heap[PACKETS_MAX];
static size_t heap_length;
static uint64_t order;

static int is_before(const Packet *a, const Packet *b) {
  return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_push(Packet packet) {
  size_t i = heap_length++;
  for (; i > 0 && is_before(&packet, &heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = packet;
}

static Packet heap_pop(void) {
  Packet first = heap[0], last = heap[--heap_length];
  size_t i = 0;
  for (size_t child = 1; child < heap_length; child = 2 * i + 1) {
    if (child + 1 < heap_length && is_before(&heap[child + 1], &heap[child])) child++;
    if (!is_before(&heap[child], &last)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return first;
}

/* ---- NAT ------------------------------------------------------------------------------------- */

static uint16_t outside_of[2][65536], inside_of[2][65536], nat_next = NAT_PORT_MIN;

static void nat_forget(void) {
  memset(outside_of, 0, sizeof outside_of);
  memset(inside_of, 0, sizeof inside_of);
}

/* RFC 1624: the checksum after 16 bits of what it covers changed. */
static void fix_checksum(uint8_t *at, uint16_t before, uint16_t after) {
  uint32_t sum = (uint16_t)~(at[0] << 8 | at[1]) + (uint32_t)(uint16_t)~before + after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  at[0] = (uint8_t)(~sum >> 8);
  at[1] = (uint8_t)~sum;
}

/* Rewrites A's port; false for a packet that leads to no mapping. */
static int nat_translate(uint8_t *packet, uint32_t length, int to) {
  uint32_t head = (packet[0] & 15u) * 4;
  int is_udp = packet[9] == PROTOCOL_UDP;
  if (!is_udp && packet[9] != PROTOCOL_TCP) return 1;
  if (length < head + (is_udp ? 8 : 20)) return 0;
  uint8_t *at = packet + head + (to == 1 ? 0 : 2);
  uint16_t before = (uint16_t)(at[0] << 8 | at[1]);
  if (to == 1 && outside_of[is_udp][before] == 0) {
    outside_of[is_udp][before] = nat_next;
    inside_of[is_udp][nat_next] = before;
    nat_next = nat_next == NAT_PORT_MAX ? NAT_PORT_MIN : nat_next + 1;
  }
  uint16_t after = to == 1 ? outside_of[is_udp][before] : inside_of[is_udp][before];
  if (after == 0) return 0;
  at[0] = (uint8_t)(after >> 8);
  at[1] = (uint8_t)after;
  fix_checksum(packet + head + (is_udp ? 6 : 16), before, after);
  return 1;
}

/* ---- the link -------------------------------------------------------------------------------- */

static struct {
  uint64_t in, out, lost, duplicated, reordered, queue_dropped, hole_dropped, outage_dropped, bytes;
} count[2]; /* by the side that the packet goes to */

static uint64_t link_free_at[2], weather_until[2];
static int weather_is_bad[2];

static int is_lost_in_burst(int to, uint64_t now) {
  if (bad_ms <= 0) return 0;
  for (; now >= weather_until[to]; weather_is_bad[to] = !weather_is_bad[to]) {
    double mean = weather_is_bad[to] ? good_ms : bad_ms;
    weather_until[to] = (weather_until[to] ? weather_until[to] : now) + ns_of_ms(-log(1 - random_unit()) * mean) + 1;
  }
  return weather_is_bad[to];
}

static void send_copy(const uint8_t *bytes, uint32_t length, int to, uint64_t due) {
  if (heap_length == PACKETS_MAX) {
    count[to].queue_dropped++;
    return;
  }
  due += ns_of_ms(delay_ms) + ns_of_ms(jitter_ms * random_unit());
  if (happens(reorder)) {
    due += ns_of_ms(reorder_ms);
    count[to].reordered++;
  }
  Packet packet = {.due = due, .order = order++, .length = length, .to = to, .bytes = malloc(length)};
  if (packet.bytes == NULL) die("malloc");
  memcpy(packet.bytes, bytes, length);
  heap_push(packet);
}

static void admit(uint8_t *bytes, uint32_t length, int to) {
  uint64_t now = now_ns();
  if (length < 20 || bytes[0] >> 4 != 4) return;
  count[to].in++;
  count[to].bytes += length;
  if (outage > 0 || (block_udp > 0 && bytes[9] == PROTOCOL_UDP)) {
    count[to].outage_dropped++;
    return;
  }
  if (hole_bytes > 0 && length > hole_bytes) {
    count[to].hole_dropped++;
    return;
  }
  if (is_lost_in_burst(to, now) || happens(to == 1 ? loss_ab : loss_ba)) {
    count[to].lost++;
    return;
  }
  if (nat > 0 && !nat_translate(bytes, length, to)) return;
  uint64_t due = now;
  if (rate_kbit > 0) {
    uint64_t start = link_free_at[to] > now ? link_free_at[to] : now;
    double queued = (double)(start - now) * rate_kbit / 8e6;
    if (queued > queue_bytes) {
      count[to].queue_dropped++;
      return;
    }
    due = link_free_at[to] = start + (uint64_t)(length * 8e6 / rate_kbit);
  }
  send_copy(bytes, length, to, due);
  if (happens(duplicate)) {
    count[to].duplicated++;
    send_copy(bytes, length, to, due);
  }
}

static void deliver_due(const int device[2]) {
  while (heap_length > 0 && heap[0].due <= now_ns()) {
    Packet packet = heap_pop();
    if (write(device[packet.to], packet.bytes, packet.length) == (ssize_t)packet.length) count[packet.to].out++;
    else count[packet.to].queue_dropped++;
    free(packet.bytes);
  }
}

/* ---- commands -------------------------------------------------------------------------------- */

static void print_counters(void) {
  for (int to = 1; to >= 0; to--)
    printf("%s\"%s\":{\"in\":%lu,\"out\":%lu,\"lost\":%lu,\"duplicated\":%lu,\"reordered\":%lu,"
           "\"queueDropped\":%lu,\"holeDropped\":%lu,\"outageDropped\":%lu,\"bytes\":%lu}%s",
           to == 1 ? "{" : ",", to == 1 ? "ab" : "ba", count[to].in, count[to].out, count[to].lost,
           count[to].duplicated, count[to].reordered, count[to].queue_dropped, count[to].hole_dropped,
           count[to].outage_dropped, count[to].bytes, to == 1 ? "" : "}\n");
}

static void obey(char *line) {
  char *value = strchr(line, ' ');
  if (value != NULL) *value++ = 0;
  if (strcmp(line, "counters") == 0) return print_counters();
  int known = strcmp(line, "forget") == 0;
  if (known) nat_forget();
  for (size_t i = 0; value != NULL && i < sizeof SETTINGS / sizeof *SETTINGS; i++)
    if (strcmp(line, SETTINGS[i].name) == 0) {
      *SETTINGS[i].value = atof(value);
      known = 1;
    }
  random_state = strcmp(line, "seed") == 0 ? (uint64_t)seed : random_state;
  puts(known ? "ok" : "unknown setting");
}

/* False at the end of the input. */
static int read_commands(void) {
  static char text[4096];
  static size_t length;
  ssize_t got = read(STDIN_FILENO, text + length, sizeof text - 1 - length);
  if (got <= 0) return got < 0 && errno == EINTR;
  length += (size_t)got;
  text[length] = 0;
  char *start = text;
  for (char *end; (end = strchr(start, '\n')) != NULL; start = end + 1) {
    *end = 0;
    obey(start);
  }
  length = strlen(start);
  memmove(text, start, length + 1);
  fflush(stdout);
  return length < sizeof text - 1;
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static void configure(int sock, struct ifreq *request, unsigned long what, const char *name) {
  strcpy(request->ifr_name, name);
  if (ioctl(sock, what, request)) die(name);
}

static void bring_up(int sock, const char *name) {
  struct ifreq request = {0};
  configure(sock, &request, SIOCGIFFLAGS, name);
  request.ifr_flags |= IFF_UP;
  configure(sock, &request, SIOCSIFFLAGS, name);
}

static void set_address(int sock, unsigned long what, const char *address) {
  struct ifreq request = {0};
  struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
  in->sin_family = AF_INET;
  if (inet_pton(AF_INET, address, &in->sin_addr) != 1) die(address);
  configure(sock, &request, what, DEVICE);
}

static int write_sysctl(const char *path, const char *value) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  int done = file >= 0 && write(file, value, strlen(value)) == (ssize_t)strlen(value);
  if (file >= 0) close(file);
  return done;
}

typedef struct {
  int space, device;
  char control[32];
} Side;

static Side make_side(const char *address, const char *control) {
  static const char CONTROL[] = "/proc/sys/net/ipv4/tcp_congestion_control";
  Side side = {0};
  if (unshare(CLONE_NEWNET)) die("unshare");
  if ((side.space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0) die("/proc/self/ns/net");
  write_sysctl("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
  write_sysctl("/proc/sys/net/ipv4/tcp_no_metrics_save", "1");
  if (!write_sysctl(CONTROL, control)) fprintf(stderr, "this kernel does not allow %s here\n", control);
  struct ifreq request = {0};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strcpy(request.ifr_name, DEVICE);
  side.device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (side.device < 0 || ioctl(side.device, TUNSETIFF, &request)) die("/dev/net/tun");
  int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sock < 0) die("socket");
  set_address(sock, SIOCSIFADDR, address);
  set_address(sock, SIOCSIFNETMASK, "255.255.255.0");
  memset(&request, 0, sizeof request);
  request.ifr_qlen = 5000;
  configure(sock, &request, SIOCSIFTXQLEN, DEVICE);
  bring_up(sock, "lo");
  bring_up(sock, DEVICE);
  close(sock);
  int file = open(CONTROL, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, side.control, sizeof side.control - 1);
  if (length < 1) die(CONTROL);
  side.control[length - 1] = 0;
  close(file);
  return side;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: emulator ADDRESS_A ADDRESS_B CONGESTION_CONTROL\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  Side a = make_side(argv[1], argv[3]), b = make_side(argv[2], argv[3]);
  int device[2] = {a.device, b.device};
  printf("ready %d %d %d %s %s\n", getpid(), a.space, b.space, a.control, b.control);
  fflush(stdout);
  static uint8_t bytes[PACKET_BYTES_MAX];
  for (;;) {
    deliver_due(device);
    struct pollfd waits[3] = {{device[0], POLLIN, 0}, {device[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    struct timespec patience = {3600, 0};
    if (heap_length > 0) {
      uint64_t now = now_ns(), left = heap[0].due > now ? heap[0].due - now : 0;
      patience = (struct timespec){(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    }
    if (ppoll(waits, 3, &patience, NULL) < 0 && errno != EINTR) die("ppoll");
    for (int from = 0; from < 2; from++) {
      ssize_t length = 1;
      for (int i = 0; (waits[from].revents & POLLIN) && i < READS_PER_TURN && length > 0; i++) {
        length = read(device[from], bytes, sizeof bytes);
        if (length > 0) admit(bytes, (uint32_t)length, !from);
      }
    }
    if (waits[2].revents != 0 && !read_commands()) return 0;
  }
}
