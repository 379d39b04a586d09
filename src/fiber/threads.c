#include "fiber/threads.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/sanitize.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A job lives on the stack of the fiber that waits for it.  The loop queues it, a thread runs it
 * and puts it into `finished`, the loop's callback wakes the fiber; `state` is the threads' view
 * under the lock, `seen` the loop's own.
 *
 * interrupt() is called under the lock while the state is RUNNING.  So the thread cannot go on to
 * another job meanwhile, and an interrupt meant for one job never hits the next on the same
 * connection. */

#ifdef WITH_TSAN
#define STACK_SIZE (4096 * 1024) /* it keeps much of its own there */
#else
#define STACK_SIZE (1024 * 1024)
#endif

struct job {
	struct link link; /* in the lane's queue, later in `finished` */
	void (*fn)(void *);
	void *arg;
	void (*interrupt)(void *);
	enum {
		QUEUED,
		BEGUN,
		ENDED
	} state;
	bool seen;
	struct signal done;
};

struct thread_lane {
	struct lane lane;
	struct threads *threads;
	struct link queue;
	int queued, idle, started;
	bool stopping;
	pthread_cond_t work;
	pthread_t *ids;
};

static void collect(uv_async_t *h)
{
	struct threads *t = container_of(h, struct threads, wake);

	pthread_mutex_lock(&t->lock);
	while (!list_empty(&t->finished)) {
		struct job *j = container_of(t->finished.next, struct job, link);

		list_out(&j->link);
		j->seen = true;
		signal_wake_all(&j->done);
	}
	pthread_mutex_unlock(&t->lock);
}

int threads_init(struct threads *t, uv_loop_t *loop, struct err *e)
{
	int r = uv_async_init(loop, &t->wake, collect);

	if (r < 0)
		return err_set(e, ERR_IO, "making an event loop: %s", uv_strerror(r));
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->finished);
	return 0;
}

void threads_done(struct threads *t)
{
	pthread_mutex_destroy(&t->lock);
}

struct lane *threads_lane_new(struct threads *t)
{
	struct thread_lane *l = mem_new(struct thread_lane);

	l->threads = t;
	list_init(&l->queue);
	pthread_cond_init(&l->work, NULL);
	return &l->lane;
}

void threads_lane_free(struct lane *lane)
{
	struct thread_lane *l = container_of(lane, struct thread_lane, lane);

	pthread_mutex_lock(&l->threads->lock);
	if (l->queued)
		bug("lane %s is freed while jobs are in it", lane->name);
	l->stopping = true;
	pthread_cond_broadcast(&l->work);
	pthread_mutex_unlock(&l->threads->lock);
	for (int i = 0; i < l->started; i++)
		pthread_join(l->ids[i], NULL);
	pthread_cond_destroy(&l->work);
	free(l->ids);
	free(l);
}

static struct job *next_job(struct thread_lane *l)
{
	struct job *j;

	while (list_empty(&l->queue)) {
		if (l->stopping)
			return NULL;
		l->idle++;
		pthread_cond_wait(&l->work, &l->threads->lock);
		l->idle--;
	}
	j = container_of(l->queue.next, struct job, link);
	list_out(&j->link);
	l->queued--;
	return j;
}

static void *worker(void *arg)
{
	struct thread_lane *l = arg;
	struct threads *t = l->threads;
	struct job *j;
	bool first;

	pthread_mutex_lock(&t->lock);
	while ((j = next_job(l))) {
		j->state = BEGUN;
		pthread_mutex_unlock(&t->lock);
		j->fn(j->arg);
		pthread_mutex_lock(&t->lock);
		j->state = ENDED;
		first = list_empty(&t->finished);
		list_append(&t->finished, &j->link);
		if (!first)
			continue;
		pthread_mutex_unlock(&t->lock);
		uv_async_send(&t->wake);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	arena_thread_ends();
	return NULL;
}

/* Signals are the loop's business. */
static int start_thread(struct thread_lane *l)
{
	pthread_attr_t attr;
	sigset_t all, before;
	char name[16];
	int r;

	if (!l->ids)
		l->ids = mem_alloc((size_t)l->lane.limit * sizeof(*l->ids));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&l->ids[l->started], &attr, worker, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r != 0)
		return r;
	snprintf(name, sizeof(name), "%s", l->lane.name);
	pthread_setname_np(l->ids[l->started], name);
	l->started++;
	return 0;
}

/* Under the lock.  A thread that cannot be started matters only when there is none yet. */
static int submit(struct thread_lane *l, struct job *j, struct err *e)
{
	int r;

	if (l->queued + 1 > l->idle && l->started < l->lane.limit) {
		r = start_thread(l);
		if (r != 0 && l->started == 0)
			return err_set(e, ERR_IO, "starting a thread: %s", strerror(r));
	}
	list_append(&l->queue, &j->link);
	l->queued++;
	return 0;
}

/* The fiber's time is over: take the job back (true) or tell it to hurry. */
static bool give_up(struct thread_lane *l, struct job *j, bool *interrupted)
{
	bool back;

	pthread_mutex_lock(&l->threads->lock);
	back = j->state == QUEUED;
	if (back) {
		list_out(&j->link);
		l->queued--;
	} else if (j->state == BEGUN && j->interrupt) {
		j->interrupt(j->arg);
		*interrupted = true;
	}
	pthread_mutex_unlock(&l->threads->lock);
	return back;
}

static void sit_out(void *arg)
{
	struct job *j = arg;
	struct err e;

	while (!j->seen)
		(void)signal_wait(&j->done, FOREVER, &e); /* shielded: it cannot fail */
}

int threads_lane_run(struct lane *lane, void (*fn)(void *), void *arg, void (*interrupt)(void *),
    int64_t deadline, bool *ran, struct err *e)
{
	struct thread_lane *l = container_of(lane, struct thread_lane, lane);
	struct job j = { .fn = fn, .arg = arg, .interrupt = interrupt };
	bool interrupted = false, idle;
	struct scope shield;
	int r;

	if (fiber_check(e) < 0)
		return -1;
	if (fiber_now() >= deadline)
		return err_set(e, ERR_TIMEOUT, "the time allowed for it ran out");
	signal_init(&j.done);
	pthread_mutex_lock(&l->threads->lock);
	r = submit(l, &j, e);
	idle = l->idle > 0;
	pthread_mutex_unlock(&l->threads->lock);
	if (r < 0)
		return -1;
	if (idle)
		pthread_cond_signal(&l->work); /* outside the lock, which it wants first */
	while (!j.seen && r == 0)
		r = signal_wait(&j.done, deadline, e);
	if (r < 0) {
		if (give_up(l, &j, &interrupted))
			return -1;
		scope_open_shielded(&shield, FOREVER);
		scope_run(&shield, sit_out, &j);
		scope_join(&shield);
	}
	*ran = true;
	return interrupted ? -1 : 0;
}
