#ifndef TESTS_AGENT_RECORDER_H
#define TESTS_AGENT_RECORDER_H

#include "kit.h"

#include "agent/recap.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Long conversations with a model that notes what it is sent. */

#define UNUSED __attribute__((unused))

static struct bank ledger;

/* A model that notes what it is sent.  In each turn it looks something up, makes a refund now and
 * then, and answers; `says_too_long` above so many bytes of history. */
struct recorder {
	struct model model;
	size_t says_too_long;
	const char *text;                /* of its answers; NULL: one with a promise */
	char *last;                      /* up to the state */
	size_t sent, hit;                /* bytes of all prompts; those the one before had too */
	int asked, misses, turns_of_now; /* misses: the one before is not its beginning */
	size_t longest;                  /* history and state */
	char *state;
	int too_long;
	bool only_reads;
};

static char *prefix_of(const struct model_request *r)
{
	const struct buf *bytes = wire_bytes(r->history, &scripted_dialect);
	size_t n = wire_offset(r->history, &scripted_dialect, r->state_after);
	struct buf out = { 0 };

	buf_adds(&out, r->instructions);
	for (int i = 0; i < r->ntools; i++)
		buf_printf(&out, "%s %s\n", r->tools[i].name, r->tools[i].description);
	buf_add(&out, buf_str(bytes), n);
	return out.data;
}

static size_t equal_bytes(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static void note_request(struct recorder *m, const struct model_request *r, struct arena *mem)
{
	char *prefix = prefix_of(r);
	size_t history = wire_bytes(r->history, &scripted_dialect)->len,
	       rest = history - wire_offset(r->history, &scripted_dialect, r->state_after),
	       same = m->last ? equal_bytes(m->last, prefix) : 0;

	m->asked++;
	m->sent += strlen(prefix) + rest + json_size(r->state);
	m->hit += same;
	m->misses += m->last && same < strlen(m->last);
	if (wire_weight(r->history) + json_size(r->state) > m->longest)
		m->longest = wire_weight(r->history) + json_size(r->state);
	free(m->last);
	m->last = prefix;
	free(m->state);
	m->state = mem_strdup(json_text(mem, r->state));
}

static void call(struct arena *mem, struct model_answer *out, const char *name, json_t *arguments)
{
	struct model_call *c = arena_new_of(mem, struct model_call);

	*c = (struct model_call){ .name = name, .arguments = json_in(mem, arguments) };
	out->calls = c;
	out->ncalls = 1;
	out->stop = MODEL_CALLS;
}

static int record(const struct model *model, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	struct recorder *m = container_of(model, struct recorder, model);
	int turn = m->asked;

	(void)sink;
	if (m->says_too_long && wire_weight(r->history) > m->says_too_long) {
		m->too_long++;
		out->fault = MODEL_FAULT_CONTEXT;
		return err_set(e, ERR_INVALID, "the prompt is too long");
	}
	note_request(m, r, mem);
	out->text = "";
	if (r->ndone == 0 && !r->final)
		call(mem, out, "quick", json_pack("{ss}", "id", arena_printf(mem, "FW-%d", turn)));
	else if (r->ndone == 1 && turn % 9 == 1 && !r->final && !m->only_reads)
		call(mem, out, "refund",
		    json_pack("{ss}", "order_id", arena_printf(mem, "FW-%d", turn)));
	else
		out->text = m->text
				? m->text
				: "It left us on Monday. You will have it on Wednesday. Is there "
				  "anything else?";
	out->opaque = json_in(mem, json_pack("{si}", "asked", m->asked));
	return 0;
}

static const struct model_class recording = { .name = "recording", .complete = record };

static struct recorder recorder;

static void use_recorder(struct kit *k)
{
	static const struct model *chain[] = { &recorder.model };

	free(recorder.last);
	free(recorder.state);
	recorder = (struct recorder){ .model = { .class = &recording, .name = "recorder" } };
	k->config.chain = chain;
	k->config.nchain = 1;
	kit_restart_agent(k);
}

#define RECAP_TEST(name_)                                                                          \
	static void name_##_body(struct kit *k, struct arena *mem, struct conversation *c);        \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct kit k;                                                                      \
		struct arena *mem = arena_new();                                                   \
		struct conversation *c;                                                            \
                                                                                                   \
		ledger = (struct bank){ 0 };                                                       \
		kit_open(&k, w, &ledger, "[{\"text\":\"Hello.\"}]");                               \
		use_recorder(&k);                                                                  \
		c = kit_conversation(&k);                                                          \
		name_##_body(&k, mem, c);                                                          \
		conversation_close(c);                                                             \
		kit_close(&k);                                                                     \
		kit_remove(&k);                                                                    \
		arena_free(mem);                                                                   \
	}                                                                                          \
	static void name_##_body(struct kit *k, UNUSED struct arena *mem, struct conversation *c)

static void talk(struct kit *k, struct conversation *c, int turns)
{
	for (int i = 0; i < turns; i++) {
		struct arena *mem = arena_new();

		ledger.order[0] = '\0';
		kit_say(k, mem, c,
		    arena_printf(mem, "Where is my order number %d? It is late.",
			conversation_head(c)->turns_all));
		arena_free(mem);
	}
}

UNUSED static const char *first(struct conversation *c)
{
	const struct wire_message *m = wire_at(conversation_wire(c), 0);

	return m->role == WIRE_RECAP ? m->text : "(no recap)";
}

/* All that a model would be sent, and what the next turn hands on to it. */
UNUSED static const char *known(struct conversation *c, struct arena *mem)
{
	const struct turn_log *t = conversation_turn(c);

	return arena_printf(mem, "%s\n%lld %d %d %s\n%s",
	    buf_str(wire_bytes(conversation_wire(c), &scripted_dialect)), (long long)t->trigger,
	    t->ended, t->steps, json_text(mem, t->opaque), head_write(conversation_head(c), mem));
}

UNUSED static const struct event *newest_recap(
    struct kit *k, struct arena *mem, struct conversation *c)
{
	return kit_event(k, mem, c, EVENT_RECAP, kit_count(k, c, EVENT_RECAP) - 1);
}

/* Of turns with this much to read. */
UNUSED static void talk_much(struct kit *k, struct conversation *c, int turns, size_t bytes)
{
	for (int i = 0; i < turns; i++) {
		struct arena *mem = arena_new();
		char *much = arena_alloc(mem, bytes + 1);

		memset(much, 'x', bytes);
		kit_say(k, mem, c, much);
		arena_free(mem);
	}
}

#endif
