#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "fiber/world.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

/* The way a step takes: the models of a chain in order, until one answers.
 *
 * A link is passed over while its model is left out (health.h) or the one who asks does not allow
 * it (a budget).  A model that is down or busy is asked again, at most twice, after the time it
 * named or 0.5 s, then 1 s; but only while nothing of the attempt was shown, within the deadline,
 * and out of the model's credit.  Everything else goes to the next link at once: a request it does
 * not take, a prompt too long for it, a refusal, an account that is locked.
 *
 * While another link is behind it, an attempt gets two thirds of the time that is left.
 *
 * Where every link is passed over there is no answer, and no waiting either: a thousand turns that
 * waited would all ask at the same moment.  The one who asks hands over.
 *
 * What a model left with its last step goes back to that model alone. */

/* All chains of an agent, and the health of their models: one for each model, whatever chains it
 * is in. */
struct routes;
struct route;

struct routes *routes_new(struct world *w);
void routes_free(struct routes *all);
/* A chain of these; lives as long as the routes. */
struct route *routes_add(struct routes *all, const struct model *const *models, int n);
/* And behind them those of another chain that are not among them. */
void route_extend(struct route *r, const struct model *const *models, int n);

/* What became of the text of an attempt. */
enum route_text {
	ROUTE_UNSEEN, /* nobody has read any of it */
	ROUTE_SHOWN,  /* somebody has: the same model is not asked again */
	ROUTE_BROKEN  /* it can go nowhere any more: nobody is asked again */
};

/* Who asks: what a route must know of it, and tells it.  Each may be NULL. */
struct route_asker {
	/* May this model be asked?  Before each attempt; -1: not this one, e says why. */
	int (*allow)(void *self, const struct model *m, struct err *e);
	/* How an attempt that was allowed ended; with the usage that the model told, also when
	 * it failed (`ok` false). */
	void (*settle)(
	    void *self, const struct model *m, const struct model_answer *answer, bool ok);
	/* A new attempt begins: where its text goes. */
	struct model_sink (*begin)(void *self);
	enum route_text (*shown)(void *self);
	/* A model says that the prompt is too long for it.  true: the request was made shorter, and
	 * the same model is asked again. */
	bool (*shorten)(void *self);
	void *self;
};

struct route_step {
	const struct model_request *request;
	const char *origin; /* the model whose request->opaque it is; NULL: nobody's */
	int64_t deadline;   /* of the loop's clock: no second attempt is begun that late */
};

struct route_outcome {
	const struct model *who; /* who answered; NULL: nobody */
	int attempts;            /* of all models */
	int failures;            /* models that were asked, and did not answer in the end */
	bool refused;            /* a link was not allowed */
	bool too_long;           /* the prompt was, for one at least */
};

/* 0: *answer is filled, in mem.  -1: nobody answered, or we were cut short (fiber_check() says
 * so); *out is filled in either case. */
int route_complete(const struct route *r, const struct route_step *step,
    const struct route_asker *asker, struct arena *mem, struct model_answer *answer,
    struct route_outcome *out, struct err *e);

#endif
