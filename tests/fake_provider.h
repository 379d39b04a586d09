#ifndef TESTS_FAKE_PROVIDER_H
#define TESTS_FAKE_PROVIDER_H

#include "model/provider.h"

/* A provider in a simulation.
 *
 * It speaks both dialects, streamed and whole, and says what a script tells it (model/scripted.h).
 * Like the real ones it refuses, with 400, what is not legal: a call without its result or the
 * other way round, results that do not come first, ids used twice, texts that are empty, a
 * conversation that the model begins or ends, arguments that are no JSON, fields it does not know.
 * With `strict` customer and model must take turns, as local models' templates have it.
 *
 * Which step is due stands in the request's state as "step" (fake_provider_model() puts it there);
 * without it, it is the number of the request. */

struct fake_provider {
	enum api api;
	const json_t *script;
	bool strict;
	int requests;      /* that came */
	int refused;       /* of them, as not legal */
	char mistake[300]; /* of the last that was refused; "": none was */
	char *body;        /* of the last request, with a NUL */
	size_t n;
};

/* For http_client_answers(). */
void fake_provider_answer(void *self, struct http_sim *x, const struct http_request *r);
void fake_provider_done(struct fake_provider *f);

/* Why this body is not legal, in mem; NULL: it is. */
const char *fake_provider_refusal(
    struct arena *mem, enum api api, bool strict, const char *body, size_t n);

/* `inner` with the step's number in each request's state.  Frees inner with itself. */
struct model *fake_provider_model(struct model *inner);

#endif
