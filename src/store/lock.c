#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel gives the lock back when the process ends, so the descriptor is meant to stay open. */
int store_lock(const char *dir, struct err *e)
{
	char path[4096], pid[32] = "";
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(e, ERR_IO, "making the data folder %s: %s", dir, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/frontdesk.lock", dir) >= (int)sizeof(path))
		return err_set(e, ERR_INVALID, "the name of the data folder is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, ERR_IO, "opening %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK) {
			err_set(e, ERR_IO, "locking %s: %s", path, strerror(errno));
			close(fd);
			return -1;
		}
		if (read(fd, pid, sizeof(pid) - 1) < 0)
			pid[0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		close(fd);
		return err_set(e, ERR_CONFLICT,
		    "another frontdesk (process %s) uses the data folder %s: stop it, or give "
		    "--data another folder",
		    *pid ? pid : "unknown", dir);
	}
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, pid, strlen(pid)) < 0)
		return err_set(e, ERR_IO, "writing %s: %s", path, strerror(errno));
	return 0;
}
