#include "setup/files.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *file_path(struct arena *mem, const char *folder, const char *name)
{
	size_t n = strlen(folder);

	if (name[0] == '/' || text_is(folder, ".") || text_is(folder, "./"))
		return arena_strdup(mem, name);
	return arena_printf(mem, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static char *read_all(struct arena *mem, FILE *f, size_t max, size_t *n, struct err *e)
{
	struct stat st;
	char *bytes;

	if (fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode)) {
		err_set(e, ERR_INVALID, "is not a file");
		return NULL;
	}
	if ((size_t)st.st_size > max) {
		err_set(e, ERR_LIMIT, "is larger than %zu KiB", max / 1024);
		return NULL;
	}
	bytes = arena_alloc(mem, (size_t)st.st_size + 1);
	*n = fread(bytes, 1, (size_t)st.st_size, f);
	if (ferror(f)) {
		err_set(e, ERR_IO, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	return bytes;
}

char *file_read(struct arena *mem, const char *path, size_t max, size_t *n, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *bytes;

	if (!f) {
		err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot be read: %s",
		    strerror(errno));
		return NULL;
	}
	bytes = read_all(mem, f, max, n, e);
	fclose(f);
	return bytes;
}

static char *read_or_complain(struct mistakes *m, const char *path, size_t *n)
{
	struct err e;
	char *bytes = file_read(m->mem, path, YAML_BYTES_MAX, n, &e);

	if (!bytes)
		mistakes_add(m, (struct place){ .file = path }, "", "%s", e.msg);
	return bytes;
}

struct yaml *file_yaml(struct mistakes *m, const char *path)
{
	size_t n;
	char *bytes = read_or_complain(m, path, &n);

	return bytes ? yaml_read(m, path, bytes, n) : NULL;
}

const char *file_text(struct mistakes *m, const char *path)
{
	size_t n;
	char *bytes = read_or_complain(m, path, &n);

	if (!bytes)
		return NULL;
	if (!text_is_utf8(bytes, n) || strlen(bytes) != n)
		mistakes_add(m, (struct place){ .file = path }, "", "is not UTF-8 text");
	else if (text_blank(bytes))
		mistakes_add(m, (struct place){ .file = path }, "", "is empty");
	else
		return bytes;
	return NULL;
}
