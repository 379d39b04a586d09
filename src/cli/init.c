#include "cli/verb.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/start.h"
#include "setup/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* frontdesk init: a folder to start from.
 *
 * All or nothing: what was written is removed again when the rest cannot be.  A folder with
 * anything in it is left alone. */

struct start {
	struct arena *mem;
	const char *folder;
	bool made; /* the folder itself is ours */
	int written;
};

/* A file of that name in a folder that has any, NULL in an empty one. */
static const char *first_in(struct arena *mem, DIR *d)
{
	const struct dirent *one;

	while ((one = readdir(d)))
		if (!text_is(one->d_name, ".") && !text_is(one->d_name, ".."))
			return arena_strdup(mem, one->d_name);
	return NULL;
}

static int be_empty(struct start *s, struct err *e)
{
	const char *in_the_way;
	DIR *d = opendir(s->folder);

	if (!d)
		return err_set(e, ERR_IO, "%s: %s", s->folder, strerror(errno));
	in_the_way = first_in(s->mem, d);
	closedir(d);
	if (!in_the_way)
		return 0;
	return err_set(e, ERR_CONFLICT,
	    "%s is not empty: %s is in it. Nothing was written; give the name of a new folder",
	    s->folder, in_the_way);
}

static int make_folder(struct start *s, struct err *e)
{
	if (mkdir(s->folder, 0777) == 0) {
		s->made = true;
		return 0;
	}
	if (errno == EEXIST)
		return be_empty(s, e);
	return err_set(e, ERR_IO, "making the folder %s: %s", s->folder, strerror(errno));
}

static int write_file(struct start *s, const struct asset *file, struct err *e)
{
	const char *path = file_path(s->mem, s->folder, file->name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	ssize_t n;

	if (fd < 0)
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	s->written++;
	n = write(fd, file->bytes, file->n);
	if (n == (ssize_t)file->n && close(fd) == 0)
		return 0;
	err_set(e, ERR_IO, "%s: %s", path,
	    n < 0 || n == (ssize_t)file->n ? strerror(errno) : "the disk is full");
	if (n != (ssize_t)file->n)
		close(fd);
	return -1;
}

static void take_back(struct start *s)
{
	for (int i = 0; i < s->written; i++)
		unlink(file_path(s->mem, s->folder, start_files[i].name));
	if (s->made)
		rmdir(s->folder);
}

static int write_all(struct start *s, struct err *e)
{
	if (make_folder(s, e) < 0)
		return -1;
	while (start_files[s->written].name)
		if (write_file(s, &start_files[s->written], e) < 0) {
			take_back(s);
			return -1;
		}
	return 0;
}

/* As a shell takes it: quoted where it has to be. */
static const char *for_shell(struct arena *mem, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._/+,:@%-";
	struct buf out = { 0 };
	const char *quoted;

	if (!path[strspn(path, plain)])
		return path;
	buf_adds(&out, "'");
	for (; *path; path++)
		if (*path == '\'')
			buf_adds(&out, "'\\''");
		else
			buf_add(&out, path, 1);
	buf_adds(&out, "'");
	quoted = arena_strdup(mem, buf_str(&out));
	buf_done(&out);
	return quoted;
}

static int init(const char *folder)
{
	struct start s = { .mem = arena_new(), .folder = folder };
	const char *name = for_shell(s.mem, folder);
	struct err e;
	int status = EXIT_OK;

	if (write_all(&s, &e) < 0) {
		fprintf(stderr, "frontdesk: %s\n", e.msg);
		status = EXIT_FAILED;
	} else {
		printf("try it:     frontdesk chat --as demo-1 %s\n", name);
		printf("serve it:   frontdesk serve --demo %s\n", name);
		printf("change it:  edit %s, then frontdesk check %s\n",
		    for_shell(s.mem, file_path(s.mem, folder, "agent.yaml")), name);
	}
	arena_free(s.mem);
	return status;
}

static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int option;

	opterr = 0; /* we say it ourselves */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h')
			return verb_help(v);
		return verb_usage(v, "bad option %s", argv[optind - 1]);
	}
	if (argc - optind > 1)
		return verb_usage(v, "one folder at a time");
	if (optind == argc || !*argv[optind])
		return verb_usage(v, "give the folder to make");
	return init(argv[optind]);
}

const struct verb verb_init = {
	.name = "init",
	.arguments = "DIR",
	.summary = "Makes a commented agent folder to start from",
	.help =
	    "DIR is made, or is empty.  What is written answers at once, offline: a small example\n"
	    "with a database; its comments show what else there is.\n",
	.run = run,
};
