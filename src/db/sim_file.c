#include "db/sim_file.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A file is two images and the list of writes between them.  A sync applies the list to the
 * durable image; a power cut applies some of it, sector by sector, and makes that the truth.  As
 * writes are applied in their order, a sector written twice may come out old, first or last. */

#define SECTOR 512

struct pending {
	struct link link;
	bool truncate; /* to `at`; else n bytes go there */
	size_t at, n;
	unsigned char bytes[];
};

static void resize(struct sim_bytes *b, size_t size)
{
	if (size > b->cap) {
		b->cap = size < 65536 ? 65536 : size * 2;
		b->data = mem_resize(b->data, b->cap);
	}
	if (size > b->size)
		memset(b->data + b->size, 0, size - b->size);
	b->size = size;
}

static void put(struct sim_bytes *b, const void *p, size_t n, size_t at)
{
	if (n == 0)
		return;
	if (at + n > b->size)
		resize(b, at + n);
	memcpy(b->data + at, p, n);
}

static struct pending *remember(struct sim_file *f, size_t at, size_t n)
{
	struct pending *p = mem_alloc(sizeof(*p) + n);

	p->at = at;
	p->n = n;
	list_append(&f->pending, &p->link);
	return p;
}

static void forget(struct pending *p)
{
	list_out(&p->link);
	free(p);
}

void sim_file_write(struct sim_file *f, const void *p, size_t n, size_t at)
{
	put(&f->now, p, n, at);
	memcpy(remember(f, at, n)->bytes, p, n);
}

void sim_file_truncate(struct sim_file *f, size_t size)
{
	resize(&f->now, size);
	remember(f, size, 0)->truncate = true;
}

void sim_file_sync(struct sim_file *f)
{
	while (!list_empty(&f->pending)) {
		struct pending *p = container_of(f->pending.next, struct pending, link);

		if (p->truncate)
			resize(&f->durable, p->at);
		else
			put(&f->durable, p->bytes, p->n, p->at);
		forget(p);
	}
}

/* Of 4 parts, how many reach the disk: none and all happen too. */
static bool reaches(struct sim_disk *d, unsigned parts)
{
	return sim_chance(d) % 4 < parts;
}

static void tear(struct sim_file *f, struct sim_disk *d, const struct pending *p, unsigned parts)
{
	size_t part;

	for (size_t done = 0; done < p->n; done += part) {
		part = SECTOR - (p->at + done) % SECTOR;
		if (part > p->n - done)
			part = p->n - done;
		if (reaches(d, parts))
			put(&f->durable, p->bytes + done, part, p->at + done);
	}
}

void sim_file_crash(struct sim_file *f, struct sim_disk *d)
{
	unsigned parts = (unsigned)(sim_chance(d) % 5);

	while (!list_empty(&f->pending)) {
		struct pending *p = container_of(f->pending.next, struct pending, link);

		if (!p->truncate)
			tear(f, d, p, parts);
		else if (reaches(d, parts))
			resize(&f->durable, p->at);
		forget(p);
	}
	resize(&f->now, 0);
	put(&f->now, f->durable.data, f->durable.size, 0);
	f->readers = 0;
	f->reserved = f->pending_by = NULL;
	f->shm = NULL;
}

struct sim_file *sim_file_new(const char *name)
{
	struct sim_file *f = mem_new(struct sim_file);

	f->name = mem_strdup(name);
	list_init(&f->link);
	list_init(&f->pending);
	return f;
}

void sim_file_free(struct sim_file *f)
{
	list_out(&f->link);
	while (!list_empty(&f->pending))
		forget(container_of(f->pending.next, struct pending, link));
	free(f->now.data);
	free(f->durable.data);
	free(f->name);
	free(f);
}

void sim_file_drop_unused(struct sim_file *f)
{
	if (f->deleted && f->certain && f->handles == 0)
		sim_file_free(f);
}
