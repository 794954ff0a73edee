/*
 * Loaded into the relay by LD_PRELOAD: makes its disk fail and its wall clock jump.
 *   FAULT_SYNC=n   the n-th synchronisation fails with EIO, and all after it: an fdatasync, or a write to a file
 *                  that is opened for synchronised writes, which leaves what it wrote in the page cache
 *   FAULT_WRITE=n  the n-th pwrite fails with EIO, and all after it
 *   FAULT_CLOCK=s  the wall clock jumps by up to s seconds, forwards or backwards, ten times a second
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

static long setting(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

static int is_due(const char *name, long *count) {
  long at = setting(name);
  return at > 0 && __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST) >= at;
}

static long sync_count;

int fdatasync(int file) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (is_due("FAULT_SYNC", &sync_count)) {
    errno = EIO;
    return -1;
  }
  return next(file);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
  static long count;
  static ssize_t (*next)(int, const void *, size_t, off64_t);
  if (!next) next = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  if (is_due("FAULT_WRITE", &count)) {
    errno = EIO;
    return -1;
  }
  if ((fcntl(file, F_GETFL) & O_DSYNC) && is_due("FAULT_SYNC", &sync_count)) {
    next(file, bytes, size, at);
    errno = EIO;
    return -1;
  }
  return next(file, bytes, size, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
  return pwrite64(file, bytes, size, at);
}

static int (*real_clock(void))(clockid_t, struct timespec *) {
  static int (*next)(clockid_t, struct timespec *);
  if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  return next;
}

/* The offset of this tenth of a second: a hash of its number. */
static int64_t offset_seconds(void) {
  long most = setting("FAULT_CLOCK");
  if (most == 0) return 0;
  struct timespec steady;
  real_clock()(CLOCK_MONOTONIC, &steady);
  uint64_t mix = (uint64_t)steady.tv_sec * 10 + (uint64_t)steady.tv_nsec / 100000000;
  mix = (mix ^ (mix >> 31)) * 0x9e3779b97f4a7c15u;
  mix ^= mix >> 29;
  return (int64_t)(mix % (2 * (uint64_t)most + 1)) - most;
}

int clock_gettime(clockid_t clock, struct timespec *into) {
  int result = real_clock()(clock, into);
  int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall) into->tv_sec += offset_seconds();
  return result;
}

int gettimeofday(struct timeval *into, void *zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  into->tv_sec = now.tv_sec;
  into->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
