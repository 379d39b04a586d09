#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* DIR/frontdesk.lock: the process on its first line, its address on the second once it answers.
 * What stands in it counts only while somebody has the lock. */

static int lock_path(const char *dir, char *path, size_t size, struct err *e)
{
	return snprintf(path, size, "%s/frontdesk.lock", dir) < (int)size
		   ? 0
		   : err_set(e, ERR_INVALID, "the name of the data folder is too long");
}

static void read_holder(int fd, struct lock_holder *out)
{
	char text[400], *end;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	out->process = strtol(text, &end, 10);
	if (*end != '\n')
		return;
	end++;
	end[strcspn(end, "\n")] = '\0';
	snprintf(out->address, sizeof(out->address), "%s", end);
}

static int already_locked(int fd, const char *dir, struct err *e)
{
	struct lock_holder by = { 0 };
	char who[40] = "unknown";

	read_holder(fd, &by);
	if (by.process > 0)
		snprintf(who, sizeof(who), "%ld", by.process);
	return err_set(e, ERR_CONFLICT,
	    "another frontdesk (process %s) uses the data folder %s: stop it, or give --data "
	    "another folder",
	    who, dir);
}

static int take(int fd, const char *dir, const char *path, struct err *e)
{
	char pid[32];

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			   ? already_locked(fd, dir, e)
			   : err_set(e, ERR_IO, "locking %s: %s", path, strerror(errno));
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, pid, strlen(pid)) < 0)
		return err_set(e, ERR_IO, "writing %s: %s", path, strerror(errno));
	return 0;
}

/* The kernel gives the lock back when the process ends, so the descriptor is meant to stay open. */
int store_lock(const char *dir, struct err *e)
{
	char path[4096];
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(e, ERR_IO, "making the data folder %s: %s", dir, strerror(errno));
	if (lock_path(dir, path, sizeof(path), e) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, ERR_IO, "opening %s: %s", path, strerror(errno));
	if (take(fd, dir, path, e) == 0)
		return 0;
	close(fd);
	return -1;
}

int store_lock_address(const char *dir, const char *address, struct err *e)
{
	char path[4096], line[400];
	int fd, n = snprintf(line, sizeof(line), "%s\n", address);

	if (lock_path(dir, path, sizeof(path), e) < 0)
		return -1;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, line, (size_t)n) != n) {
		err_set(e, ERR_IO, "writing %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

int store_lock_holder(const char *dir, struct lock_holder *out, struct err *e)
{
	char path[4096];
	int fd;

	*out = (struct lock_holder){ 0 };
	if (lock_path(dir, path, sizeof(path), e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			   ? 0
			   : err_set(e, ERR_IO, "opening %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		out->held = true;
		read_holder(fd, out);
	}
	close(fd);
	return 0;
}
