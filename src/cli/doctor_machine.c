#include "cli/doctor.h"

#include "net/http_server.h"
#include "store/store.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define DISK_LITTLE  ((uint64_t)1 << 30)
#define DISK_NOTHING ((uint64_t)64 << 20)
#define FILES_FEW    1024

/* The data folder. */

static bool writable(struct doctor *d, const char *folder, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		doctor_fail(d, "data folder", "%s is no folder", folder);
	else if (access(folder, W_OK | X_OK) < 0)
		doctor_fail(d, "data folder", "%s cannot be written: %s; chown it, or give --data",
		    folder, strerror(errno));
	else
		return true;
	return false;
}

static void disk(struct doctor *d, const char *folder)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(folder, &fs) < 0) {
		doctor_warn(d, "disk", "%s: %s", folder, strerror(errno));
		return;
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (left < DISK_NOTHING)
		doctor_fail(d, "disk", "%llu MiB left: without room nothing is acknowledged",
		    (unsigned long long)(left >> 20));
	else if (left < DISK_LITTLE)
		doctor_warn(d, "disk", "%llu MiB left", (unsigned long long)(left >> 20));
	else
		doctor_ok(d, "disk", "%llu GiB left", (unsigned long long)(left >> 30));
}

static void lock(struct doctor *d)
{
	struct lock_holder by;
	struct err e;

	if (store_lock_holder(d->data, &by, &e) < 0)
		doctor_fail(d, "data folder", "%s", e.msg);
	else if (by.held)
		doctor_ok(d, "data folder", "in use by process %ld, %s", by.process,
		    *by.address ? by.address : "which does not answer yet");
	else
		doctor_ok(d, "data folder", "nobody uses it now");
}

static void found(struct doctor *d, const struct stat *st)
{
	if (st->st_mode & 077)
		doctor_warn(d, "data folder",
		    "%s: others may look into it (customers' words); chmod 700", d->data);
	else
		doctor_ok(d, "data folder", "%s can be written", d->data);
}

static void data_folder(struct doctor *d)
{
	const char *parent = dirname(arena_strdup(d->mem, d->data));
	struct stat st;

	if (stat(d->data, &st) == 0) {
		if (writable(d, d->data, &st))
			found(d, &st);
		disk(d, d->data);
		lock(d);
	} else if (errno == ENOENT && stat(parent, &st) == 0) {
		if (writable(d, parent, &st))
			doctor_ok(d, "data folder", "%s is not there yet; the first start makes it",
			    d->data);
		disk(d, parent);
	} else {
		doctor_fail(d, "data folder", "%s: %s", d->data, strerror(errno));
	}
}

static void descriptors(struct doctor *d)
{
	struct rlimit limit;
	unsigned long long n;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		doctor_warn(d, "descriptors", "%s", strerror(errno));
		return;
	}
	n = limit.rlim_cur;
	if (n < FILES_FEW)
		doctor_warn(d, "descriptors",
		    "%llu: %d live readers at a time; ulimit -n 65536 allows more", n,
		    http_server_streams());
	else
		doctor_ok(
		    d, "descriptors", "%llu: %d live readers at a time", n, http_server_streams());
}

/* Deadlines, signed tokens and certificates hang on it. */
static void clock_is_sane(struct doctor *d)
{
	time_t now = (time_t)(world_time(d->world) / 1000);
	struct tm tm;
	char text[40];

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	if (tm.tm_year + 1900 < 2025 || tm.tm_year + 1900 > 2100)
		doctor_fail(
		    d, "clock", "%s cannot be: set the clock (timedatectl set-ntp true)", text);
	else
		doctor_ok(d, "clock", "%s", text);
}

void doctor_machine(struct doctor *d)
{
	data_folder(d);
	descriptors(d);
	clock_is_sane(d);
}
