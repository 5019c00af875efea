/* Sockets and the event loop that fail. */
#include "faults_internal.h"

#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

int socket(int domain, int type, int protocol)
{
	STRIKE(socket, -1);
	return (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	STRIKE(connect, -1);
	return (int)syscall(SYS_connect, fd, address, len);
}

ssize_t sendto(int fd, const void *from, size_t size, int flags,
	const struct sockaddr *address, socklen_t len)
{
	STRIKE_HALF(send, size);
	return syscall(SYS_sendto, fd, from, size, flags, address, len);
}

ssize_t send(int fd, const void *from, size_t size, int flags)
{
	return sendto(fd, from, size, flags, NULL, 0);
}

ssize_t recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *address,
	socklen_t *len)
{
	STRIKE_HALF(recv, size);
	return syscall(SYS_recvfrom, fd, to, size, flags, address, len);
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
	return recvfrom(fd, to, size, flags, NULL, NULL);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	STRIKE(sockopt, -1);
	return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	STRIKE(sockopt, -1);
	return (int)syscall(SYS_getsockopt, fd, level, option, value, len);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	STRIKE(sockname, -1);
	return (int)syscall(SYS_getsockname, fd, address, len);
}

int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
	STRIKE(sockname, -1);
	return (int)syscall(SYS_getpeername, fd, address, len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	STRIKE(sendmsg, -1);
	return syscall(SYS_sendmsg, fd, message, flags);
}

/* ---- the event loop ---- */

int epoll_create1(int flags)
{
	STRIKE(epoll_create, -1);
	return (int)syscall(SYS_epoll_create1, flags);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	STRIKE(epoll_ctl, -1);
	return (int)syscall(SYS_epoll_ctl, epoll, what, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int n, int timeout_ms)
{
	STRIKE(epoll_wait, -1);
	return (int)syscall(SYS_epoll_pwait, epoll, events, n, timeout_ms, NULL, 8);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int n,
	const struct timespec *timeout, const sigset_t *mask)
{
	STRIKE(epoll_wait, -1);
	return (int)syscall(SYS_epoll_pwait2, epoll, events, n, timeout, mask, 8);
}

int timerfd_create(int clock, int flags)
{
	STRIKE(timerfd_create, -1);
	return (int)syscall(SYS_timerfd_create, clock, flags);
}

int timerfd_settime(
	int fd, int flags, const struct itimerspec *time, struct itimerspec *ret_old)
{
	STRIKE(timerfd_settime, -1);
	return (int)syscall(SYS_timerfd_settime, fd, flags, time, ret_old);
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
	/* Another mask for one that is there takes nothing that could be missing. */
	if (fd < 0)
		STRIKE(signalfd, -1);
	return (int)syscall(SYS_signalfd4, fd, mask, 8, flags);
}

int inotify_init1(int flags)
{
	STRIKE(inotify, -1);
	return (int)syscall(SYS_inotify_init1, flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	STRIKE(inotify, -1);
	return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

int pipe2(int ret_fds[2], int flags)
{
	STRIKE(pipe, -1);
	return (int)syscall(SYS_pipe2, ret_fds, flags);
}

int socketpair(int domain, int type, int protocol, int ret_fds[2])
{
	STRIKE(pipe, -1);
	return (int)syscall(SYS_socketpair, domain, type, protocol, ret_fds);
}
