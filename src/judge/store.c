#include "judge/intents.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/text.h"
#include "judge/background.h"
#include "judge/trained.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: a header, then names, bias, hashes, weights of the lexicon, scales and class weights,
 * each array as it is in memory, then the SHA-256 of all that.  One read brings it in and the
 * classifier points into what was read.
 *
 * The sum finds accidents.  Sizes, names and the order of the hashes are checked besides, so that
 * even a file with a forged sum cannot make us read outside of it. */

#define MAGIC     "fd-judge"
#define ORDER     0x01020304u /* another machine's byte order reads otherwise */
#define KEY_SIZE  65
#define SIZE_MOST ((off_t)256 << 20)

/* Raise it with every change of what features, lexicon or training make of the same examples. */
#define VERSION "judge 1"

struct header {
	char magic[8];
	char key[KEY_SIZE + 7];
	uint32_t order, classes, rows, names_size; /* the size is a multiple of 4 */
	struct calibration calibration;
	float unknown;
	char unused[4];
};

static void add_length(struct buf *b, const char *s)
{
	buf_printf(b, "%zu:", strlen(s));
	buf_adds(b, s);
}

void intents_key(const struct intent_example *examples, size_t n, char out[65])
{
	unsigned char sum[DIGEST_SIZE];
	struct buf b = { 0 };

	add_length(&b, VERSION);
	for (size_t i = 0; i < background_size; i++)
		add_length(&b, background[i]);
	for (size_t i = 0; i < n; i++) {
		buf_adds(&b, examples[i].intent ? "+" : "-");
		if (examples[i].intent)
			add_length(&b, examples[i].intent);
		add_length(&b, examples[i].text);
	}
	digest_of(buf_str(&b), b.len, sum);
	text_hex(out, sum, sizeof(sum));
	buf_done(&b);
}

static void add_names(struct buf *b, const struct intents *m)
{
	for (uint32_t c = 1; c < m->classes; c++)
		buf_add(b, m->names[c], strlen(m->names[c]) + 1);
	while (b->len % 4)
		buf_add(b, "", 1);
}

static void write_out(struct buf *b, const struct intents *m, const char *key)
{
	const struct lexicon *l = &m->lexicon;
	struct header h = { .order = ORDER,
		.classes = m->classes,
		.rows = l->rows,
		.calibration = m->calibration,
		.unknown = l->unknown };
	struct buf names = { 0 };
	unsigned char sum[DIGEST_SIZE];

	if (strlen(key) >= KEY_SIZE)
		bug("intents_save: a key of %zu letters", strlen(key));
	memcpy(h.magic, MAGIC, sizeof(h.magic));
	strcpy(h.key, key);
	add_names(&names, m);
	h.names_size = (uint32_t)names.len;
	buf_add(b, &h, sizeof(h));
	buf_add(b, names.data, names.len);
	buf_add(b, m->bias, m->classes * sizeof(*m->bias));
	buf_add(b, l->hashes, l->rows * sizeof(*l->hashes));
	buf_add(b, l->weights, l->rows * sizeof(*l->weights));
	buf_add(b, m->scale, l->rows * sizeof(*m->scale));
	buf_add(b, m->weights, (size_t)l->rows * m->classes);
	digest_of(b->data, b->len, sum);
	buf_add(b, sum, sizeof(sum));
	buf_done(&names);
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		const ssize_t did = write(fd, data, n);

		if (did < 0 && errno != EINTR)
			return -1;
		data += did > 0 ? did : 0;
		n -= did > 0 ? (size_t)did : 0;
	}
	return fsync(fd);
}

/* The rename is durable when the folder is. */
static void sync_folder(struct arena *mem, const char *path)
{
	const char *slash = strrchr(path, '/');
	const int fd = open(slash ? arena_strndup(mem, path, (size_t)(slash - path) + 1) : ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int intents_save(const struct intents *m, const char *path, const char *key, struct err *e)
{
	struct arena *mem = arena_new();
	char *beside = arena_printf(mem, "%s.XXXXXX", path);
	const int fd = mkostemp(beside, O_CLOEXEC);
	struct buf b = { 0 };
	int rc = 0;

	if (fd < 0) {
		rc = err_set(e, ERR_IO, "creating a file beside %s: %s", path, strerror(errno));
		goto done;
	}
	write_out(&b, m, key);
	if (write_all(fd, b.data, b.len) < 0 || rename(beside, path) < 0) {
		rc = err_set(e, ERR_IO, "writing %s: %s", path, strerror(errno));
		unlink(beside);
	}
	close(fd);
	sync_folder(mem, path);
done:
	buf_done(&b);
	arena_free(mem);
	return rc;
}

static int read_all(int fd, char *to, size_t n)
{
	while (n) {
		const ssize_t did = read(fd, to, n);

		if (did == 0)
			errno = EIO; /* it was cut while we read it */
		if (did == 0 || (did < 0 && errno != EINTR))
			return -1;
		to += did > 0 ? did : 0;
		n -= did > 0 ? (size_t)did : 0;
	}
	return 0;
}

/* The whole file, in mem; a size that it cannot have is refused before anything is allocated. */
static char *read_file(struct arena *mem, const char *path, size_t *n, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *data = NULL;

	if (fd < 0) {
		err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "opening %s: %s", path,
		    strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) < 0) {
		err_set(e, ERR_IO, "asking for the size of %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MOST ||
		   st.st_size < (off_t)(sizeof(struct header) + DIGEST_SIZE)) {
		err_set(e, ERR_INVALID, "%s is no trained classifier: its size is %lld", path,
		    (long long)st.st_size);
	} else {
		*n = (size_t)st.st_size;
		data = arena_alloc(mem, *n);
		if (read_all(fd, data, *n) < 0) {
			err_set(e, ERR_IO, "reading %s: %s", path, strerror(errno));
			data = NULL;
		}
	}
	close(fd);
	return data;
}

static bool sum_is_right(const char *data, size_t n)
{
	unsigned char sum[DIGEST_SIZE];

	digest_of(data, n, sum);
	return memcmp(sum, data + n, sizeof(sum)) == 0;
}

static bool take_names(struct intents *m, const char *names, size_t size)
{
	size_t at = 0;

	m->names = arena_array(m->mem, const char *, m->classes);
	for (uint32_t c = 1; c < m->classes; c++) {
		const size_t n = strnlen(names + at, size - at);

		if (n == size - at)
			return false;
		m->names[c] = names + at;
		at += n + 1;
	}
	return true;
}

/* Does the header describe exactly the n bytes that there are? */
static bool sizes_fit(const struct header *h, size_t n)
{
	const uint64_t row = 3 * 4 + (uint64_t)h->classes;

	return h->classes >= 2 && h->classes <= n && h->rows <= n && h->names_size % 4 == 0 &&
	       sizeof(*h) + (uint64_t)h->names_size + 4 * (uint64_t)h->classes + h->rows * row == n;
}

static bool take_apart(struct intents *m, const struct header *h, const char *data, size_t n)
{
	struct lexicon *l = &m->lexicon;
	const char *at;

	if (h->order != ORDER || !sizes_fit(h, n))
		return false;
	*m =
	    (struct intents){ .mem = m->mem, .classes = h->classes, .calibration = h->calibration };
	*l = (struct lexicon){ .rows = h->rows, .unknown = h->unknown };
	at = data + sizeof(*h) + h->names_size;
	m->bias = (const void *)at;
	l->hashes = (const void *)(at += m->classes * sizeof(*m->bias));
	l->weights = (const void *)(at += l->rows * sizeof(*l->hashes));
	m->scale = (const void *)(at += l->rows * sizeof(*l->weights));
	m->weights = (const void *)(at + l->rows * sizeof(*m->scale));
	return take_names(m, data + sizeof(*h), h->names_size) && lexicon_index(m->mem, l);
}

struct intents *intents_load(const char *path, const char *key, struct err *e)
{
	struct arena *mem = arena_new();
	struct intents *m = arena_new_of(mem, struct intents);
	const struct header *h;
	size_t n = 0;
	const char *data = read_file(mem, path, &n, e);

	m->mem = mem;
	if (!data)
		goto failed;
	n -= DIGEST_SIZE;
	h = (const void *)data;
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0 || !sum_is_right(data, n)) {
		err_set(e, ERR_INVALID, "%s is damaged", path);
		goto failed;
	}
	if (strncmp(h->key, key, KEY_SIZE) != 0) {
		err_set(e, ERR_NOT_FOUND, "%s was trained from other examples", path);
		goto failed;
	}
	if (!take_apart(m, h, data, n)) {
		err_set(e, ERR_INVALID, "%s contradicts itself: train again", path);
		goto failed;
	}
	return m;
failed:
	arena_free(mem);
	return NULL;
}
