#define _GNU_SOURCE
#include "include/CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>

int clinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(fd, address, length, flags);
}

int clinux_usable_cpu_count(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

int clinux_thread_id(void) { return (int)syscall(SYS_gettid); }

uint64_t clinux_thread_cpu_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

int clinux_semaphore_wait_until(sem_t *semaphore, int64_t nanoseconds) {
  struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  return sem_clockwait(semaphore, CLOCK_MONOTONIC, &time);
}

int clinux_is_name_without_address(int error) {
  return error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
}

void clinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

ssize_t clinux_recv(int fd, void *buffer, size_t count, int flags) {
  return syscall(SYS_recvfrom, fd, buffer, count, flags, NULL, NULL);
}

ssize_t clinux_send(int fd, const void *buffer, size_t count, int flags) {
  return syscall(SYS_sendto, fd, buffer, count, flags, NULL, 0);
}

ssize_t clinux_sendmsg(int fd, const struct msghdr *message, int flags) {
  return syscall(SYS_sendmsg, fd, message, flags);
}

int clinux_open_pipe(int ends[2], int capacity) {
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
  int granted = fcntl(ends[1], F_SETPIPE_SZ, capacity);
  return granted > 0 ? granted : fcntl(ends[1], F_GETPIPE_SZ);
}

ssize_t clinux_splice(int from, int to, size_t count) {
  return syscall(SYS_splice, from, NULL, to, NULL, count, SPLICE_F_NONBLOCK);
}

int clinux_open_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int clinux_punch_hole(int file, off_t offset, off_t count) {
  return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}

ssize_t clinux_sendfile(int to, int file, off_t offset, size_t count) {
  return sendfile(to, file, &offset, count);
}

int clinux_random(void *buffer, size_t count) {
  size_t filled = 0;
  while (filled < count) {
    ssize_t more = getrandom((char *)buffer + filled, count - filled, 0);
    if (more < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    filled += (size_t)more;
  }
  return 0;
}
