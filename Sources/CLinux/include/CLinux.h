/// The Linux interfaces that Glibc's module map leaves out.
#pragma once
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
/// The CPUs this process may run on, at least 1.
int clinux_usable_cpu_count(void);
/// The kernel's id of the calling thread.
int clinux_thread_id(void);
/// CPU time of the calling thread in nanoseconds.
uint64_t clinux_thread_cpu_nanoseconds(void);
/// Waits for the semaphore until a moment on CLOCK_MONOTONIC; 0, or -1 with errno (ETIMEDOUT).
int clinux_semaphore_wait_until(sem_t *semaphore, int64_t nanoseconds);
/// Whether a getaddrinfo error says that the name doesn't exist or has no address.
int clinux_is_name_without_address(int error);
/// Names the calling thread; the kernel keeps 15 bytes.
void clinux_name_thread(const char *name);

/// recv and send as plain system calls. Glibc's own are cancellation points, and in a process with
/// several threads that costs two atomic exchanges a call; no thread here is ever cancelled.
ssize_t clinux_recv(int fd, void *buffer, size_t count, int flags);
ssize_t clinux_send(int fd, const void *buffer, size_t count, int flags);
ssize_t clinux_sendmsg(int fd, const struct msghdr *message, int flags);

/// Opens a pipe that never blocks and is closed on exec: read end, write end. Returns the bytes it
/// holds, at best `capacity`; -1 with errno.
int clinux_open_pipe(int ends[2], int capacity);
/// Moves bytes between a pipe and something else inside the kernel, never waiting. Unlike a send it
/// may raise SIGPIPE.
ssize_t clinux_splice(int from, int to, size_t count);

/// Opens a file in memory that has no name; -1 with errno.
int clinux_open_memory_file(const char *name);
/// Gives back the memory of a part of a file, which reads as zeros from then on; 0, or -1 with errno.
int clinux_punch_hole(int file, off_t offset, off_t count);
/// Sends a part of a file from where it lies. Unlike a send it may raise SIGPIPE.
ssize_t clinux_sendfile(int to, int file, off_t offset, size_t count);

/// Fills `buffer` with random bytes for secrets; -1 with errno. May wait, once, early after boot.
int clinux_random(void *buffer, size_t count);

/// Asks the CPU to fetch `count` bytes from `address` on, which need not be valid.
static inline void clinux_prefetch(const void *address, int count) {
  for (int offset = 0; offset < count; offset += 64)
    __builtin_prefetch((const char *)address + offset);
}
