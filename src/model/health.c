#include "model/health.h"

#include "base/log.h"

#include <string.h>

#define ROW_MAX      5  /* failures in a row */
#define WINDOW_LEAST 10 /* attempts before a share means anything */
#define OUT_MS       5000
#define LOCKED_MS    (5 * 60 * 1000)
#define LOCKED_MOST  (60 * 60 * 1000)
#define QUIET_MS     (60 * 1000)

#define CREDIT_FIRST 50 /* five */
#define CREDIT_MOST  100
#define CREDIT_TURN  2 /* what a first attempt adds */
#define CREDIT_AGAIN 10

static void clear_window(struct health *h)
{
	for (int i = 0; i < HEALTH_WINDOW; i++)
		h->window[i].second = -1;
}

void health_init(struct health *h, const struct model *m)
{
	*h = (struct health){ .model = m, .credit = CREDIT_FIRST, .complained = -1 };
	clear_window(h);
}

bool health_may(const struct health *h, int64_t now)
{
	return !h->out || now >= h->due;
}

void health_begin(struct health *h, struct attempt *a, bool first, int64_t now)
{
	*a = (struct attempt){ h, h->out };
	if (h->out)
		h->due = now + OUT_MS;
	if (first && h->credit < CREDIT_MOST)
		h->credit += CREDIT_TURN;
}

bool health_again(struct health *h, enum model_fault fault)
{
	if (fault != MODEL_FAULT_NETWORK && fault != MODEL_FAULT_BUSY)
		return false;
	if (h->out || h->credit < CREDIT_AGAIN)
		return false;
	h->credit -= CREDIT_AGAIN;
	return true;
}

static void count(struct health *h, bool failed, int64_t now)
{
	int64_t second = now / 1000;
	int i = (int)(second % HEALTH_WINDOW);

	if (h->window[i].second != second) {
		h->window[i].second = second;
		h->window[i].answers = h->window[i].failures = 0;
	}
	h->window[i].answers += !failed;
	h->window[i].failures += failed;
}

static bool mostly_failing(const struct health *h, int64_t now)
{
	int answers = 0, failures = 0;

	for (int i = 0; i < HEALTH_WINDOW; i++)
		if (h->window[i].second > now / 1000 - HEALTH_WINDOW) {
			answers += h->window[i].answers;
			failures += h->window[i].failures;
		}
	return answers + failures >= WINDOW_LEAST && failures >= answers;
}

/* Only a probe ends it: what comes in late from before says nothing of now. */
static void answered(struct attempt *a, int64_t now)
{
	struct health *h = a->health;

	if (h->out && !a->probe)
		return;
	if (h->out) {
		log_info("model %s answers again", h->model->name);
		clear_window(h);
	}
	h->out = false;
	h->locked_ms = 0;
	h->in_row = 0;
	count(h, false, now);
}

static void locked(struct attempt *a, const char *why, int64_t now)
{
	struct health *h = a->health;

	if (h->locked_ms && !a->probe) /* it began before that was known */
		return;
	if (!h->locked_ms)
		log_error("model %s: %s: it is left out until somebody has seen to its key, "
			  "permissions or bill; it is tried again by itself, the first time in %d "
			  "minutes",
		    h->model->name, why, LOCKED_MS / 60000);
	h->locked_ms = h->locked_ms ? h->locked_ms * 2 : LOCKED_MS;
	if (h->locked_ms > LOCKED_MOST)
		h->locked_ms = LOCKED_MOST;
	h->out = true;
	h->due = now + h->locked_ms;
}

static void complain(struct health *h, const char *why, int64_t now)
{
	if (h->complained >= 0 && now - h->complained < QUIET_MS) {
		log_debug("model %s: %s", h->model->name, why);
		return;
	}
	h->complained = now;
	log_warn("model %s: %s", h->model->name, why);
}

static void failed(struct attempt *a, const char *why, int64_t now)
{
	struct health *h = a->health;

	h->in_row++;
	count(h, true, now);
	if (h->out) {
		if (a->probe && h->due < now + OUT_MS)
			h->due = now + OUT_MS;
		return;
	}
	if (h->in_row < ROW_MAX && !mostly_failing(h, now)) {
		complain(h, why, now);
		return;
	}
	h->out = true;
	h->due = now + OUT_MS;
	log_warn("model %s is left out: %s (the last: %s); it is tried again every %d s",
	    h->model->name, h->in_row >= ROW_MAX ? "it fails every time" : "it fails half the time",
	    why, OUT_MS / 1000);
}

void health_end(struct attempt *a, enum model_fault fault, const char *why, int64_t now)
{
	switch (fault) {
	case MODEL_FAULT_NETWORK:
	case MODEL_FAULT_BUSY: failed(a, why, now); break;
	case MODEL_FAULT_ACCOUNT: locked(a, why, now); break;
	case MODEL_FAULT_NONE:
	case MODEL_FAULT_REQUEST: /* it declined, so it is there */
	case MODEL_FAULT_CONTEXT:
	case MODEL_FAULT_REFUSED:
		answered(a, now);
		if (why)
			complain(a->health, why, now);
		break;
	}
}
