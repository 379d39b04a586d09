#ifndef TESTS_MODEL_SHOP_H
#define TESTS_MODEL_SHOP_H

#include "base/mem.h"
#include "base/text.h"
#include "model/builtin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include <cmocka.h>

/* The demo shop's playbook with a backend of paper: what its tools would answer is a table. */

static const char shop_tools[] =
    "[{\"name\":\"lookup_account\",\"properties\":{},\"required\":[]},"
    "{\"name\":\"lookup_order\",\"properties\":{\"order_id\":{}},\"required\":[]},"
    "{\"name\":\"check_refund_policy\",\"properties\":{\"order_id\":{}},\"required\":[]},"
    "{\"name\":\"initiate_refund\",\"write\":true,\"properties\":{\"order_id\":{},\"amount_cents\":"
    "{}},"
    "\"required\":[\"order_id\",\"amount_cents\"]},"
    "{\"name\":\"check_cancellation_policy\",\"properties\":{},\"required\":[]},"
    "{\"name\":\"cancel_subscription\",\"write\":true,\"properties\":{},\"required\":[]},"
    "{\"name\":\"escalate_to_human\",\"properties\":{\"reason\":{},\"summary\":{}},\"required\":["
    "\"reason\"]}]";

static const char *const shop_intents[] = { "refund_request", "cancellation", "order_status",
	"return_exchange", "billing_problem", "payment_question", "account_question",
	"shipping_question", "product_question", "complaint", "security_report", "talk_to_person",
	"about_assistant", "greeting", "thanks", "yes", "no", NULL };

/* YAML without marks or manners: maps, lists, plain true, false, null and whole numbers. */
static json_t *shop_node(yaml_document_t *doc, yaml_node_t *node)
{
	const char *s;
	json_t *out;

	if (node->type == YAML_SCALAR_NODE) {
		s = (const char *)node->data.scalar.value;
		if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
			return json_string(s);
		if (!strcmp(s, "true") || !strcmp(s, "false"))
			return json_boolean(*s == 't');
		if (*s && strspn(s, "0123456789") == strlen(s))
			return json_integer(atoll(s));
		return json_string(s);
	}
	if (node->type == YAML_SEQUENCE_NODE) {
		out = json_array();
		for (yaml_node_item_t *i = node->data.sequence.items.start;
		     i < node->data.sequence.items.top; i++)
			json_array_append_new(out, shop_node(doc, yaml_document_get_node(doc, *i)));
		return out;
	}
	out = json_object();
	for (yaml_node_pair_t *i = node->data.mapping.pairs.start; i < node->data.mapping.pairs.top;
	     i++)
		json_object_set_new(out,
		    (const char *)yaml_document_get_node(doc, i->key)->data.scalar.value,
		    shop_node(doc, yaml_document_get_node(doc, i->value)));
	return out;
}

static json_t *shop_yaml(struct arena *mem, const char *path)
{
	FILE *f = fopen(path, "rb");
	yaml_parser_t parser;
	yaml_document_t doc;
	json_t *out;

	if (!f)
		fail_msg("%s cannot be opened: run the test from the checkout's root", path);
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_file(&parser, f);
	if (!yaml_parser_load(&parser, &doc))
		fail_msg("%s:%zu: %s", path, parser.problem_mark.line + 1, parser.problem);
	out = shop_node(&doc, yaml_document_get_root_node(&doc));
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	fclose(f);
	return json_in(mem, out);
}

/* A conversation with the model: what the agent does around it, as far as the model can tell. */
struct shop {
	struct arena *mem;
	struct script *script;
	struct model *model;
	struct model_tool *tools;
	int ntools;
	char mistakes[4000];

	json_t *answers; /* {"lookup_order": VALUE or "!reason"} */
	json_t *state;
	json_t *opaque;
	bool final;                   /* no calls are allowed from the first step on */
	struct model_done foreign[8]; /* what another model called in this turn before */
	int nforeign;

	/* Of the last turn. */
	struct model_done done[64];
	int ndone, steps;
	char trail[2000]; /* "lookup_order{} check_refund_policy{} | initiate_refund{...} | " */
	bool repeated;    /* a call was asked for twice */
	const char *summary;
};

static void shop_mistake(void *self, const char *path, const char *message)
{
	struct shop *s = self;
	size_t n = strlen(s->mistakes);

	snprintf(s->mistakes + n, sizeof(s->mistakes) - n, "%s: %s\n", path, message);
}

static void shop_tools_read(struct shop *s)
{
	json_t *list = json_read_own(s->mem, shop_tools), *t;
	size_t i;

	s->tools = arena_array(s->mem, struct model_tool, json_array_size(list));
	json_array_foreach (list, i, t) {
		s->tools[i] = (struct model_tool){ .name = json_str(t, "name"),
			.description = "",
			.parameters = t,
			.write = json_flag(t, "write") };
	}
	s->ntools = (int)json_array_size(list);
}

/* NULL with s->mistakes when the playbook is wrong. */
static struct model *shop_model(struct shop *s, const json_t *playbook, const char *const *intents)
{
	struct builtin_context ctx = { .script = s->script,
		.tools = s->tools,
		.ntools = s->ntools,
		.intents = intents,
		.patterns = json_read_own(s->mem,
		    "{\"order_id\":\"FW-[0-9]{4,}\",\"amount\":\"[$] ?[0-9]+|[0-9]+ dollars\"}"),
		.mistake = shop_mistake,
		.self = s };

	return builtin_new(playbook, &ctx);
}

static struct shop *shop_open(void)
{
	struct shop *s = mem_new(struct shop);

	s->mem = arena_new();
	s->script = script_new("USD");
	s->answers = json_in(s->mem, json_object());
	s->state = json_read_own(s->mem,
	    "{\"customer\":{\"id\":\"demo-1\",\"name\":\"Anna\"},\"profile\":null,\"owner\":\"ai\","
	    "\"escalation\":null,\"now\":\"2026-11-24T10:00:00.000Z\",\"language\":\"en\"}");
	shop_tools_read(s);
	return s;
}

static void shop_close(struct shop *s)
{
	if (s->model)
		s->model->class->free(s->model);
	script_free(s->script);
	arena_free(s->mem);
	free(s);
}

static void shop_answer(struct shop *s, const char *tool, const char *json)
{
	json_object_set(s->answers, tool,
	    *json == '!' || *json == '?' ? json_in(s->mem, json_string(json))
					 : json_read_own(s->mem, json));
}

static json_t *shop_rows_of(struct shop *s, const json_t *all, const char *order_id)
{
	json_t *rows = json_array(), *row;
	size_t i;

	json_array_foreach (json_object_get(all, "rows"), i, row) {
		if (!order_id || text_is(json_str(row, "order_id"), order_id))
			json_array_append(rows, row);
	}
	return json_in(s->mem, json_pack("{so sb}", "rows", rows, "truncated", 0));
}

static json_t *shop_refunded(struct shop *s, const json_t *args)
{
	json_t *row = json_array_get(
	    json_object_get(shop_rows_of(s, json_object_get(s->answers, "check_refund_policy"),
				json_str(args, "order_id")),
		"rows"),
	    0);

	return json_in(
	    s->mem, json_pack("{ss sO sO sO ss ss}", "refund_id", "R-1", "order_id",
			json_object_get(args, "order_id"), "item", json_object_get(row, "item"),
			"amount_cents", json_object_get(args, "amount_cents"), "paid_with",
			"Visa ending in 4242", "arrives_on", "2026-12-01"));
}

static struct model_done shop_run(struct shop *s, const struct model_call *call)
{
	struct model_done d = { .name = call->name, .arguments = call->arguments, .ok = true };
	const json_t *answer = json_object_get(s->answers, call->name);

	if (json_is_string(answer)) {
		d.ok = false;
		d.unknown = *json_string_value(answer) == '?';
		d.reason = arena_printf(
		    s->mem, "Tool %s failed: %s", call->name, json_string_value(answer) + 1);
	} else if (json_object_get(answer, "rows")) {
		d.value = shop_rows_of(s, answer, json_str(call->arguments, "order_id"));
	} else if (answer) {
		d.value = answer;
	} else if (!strcmp(call->name, "initiate_refund")) {
		d.value = shop_refunded(s, call->arguments);
	} else {
		d.value = json_read_own(s->mem, "{\"status\":\"a person has been asked for\"}");
	}
	return d;
}

static void shop_note(struct shop *s, const char *text)
{
	size_t n = strlen(s->trail);

	snprintf(s->trail + n, sizeof(s->trail) - n, "%s", text);
}

static void shop_owner(struct shop *s, const char *owner)
{
	json_object_set_new(s->state, "owner", json_string(owner));
}

static void shop_call(struct shop *s, const struct model_call *call)
{
	json_t *shown = json_in(s->mem, json_copy((json_t *)(uintptr_t)call->arguments));

	for (int i = 0; i < s->ndone; i++)
		s->repeated |= !strcmp(s->done[i].name, call->name) &&
			       json_equal(s->done[i].arguments, call->arguments);
	if (json_object_get(shown, "summary"))
		s->summary = json_str(shown, "summary");
	json_object_del(shown, "summary");
	shop_note(s, arena_printf(s->mem, "%s%s ", call->name, json_text(s->mem, shown)));
	assert_true(s->ndone < 64);
	s->done[s->ndone] = shop_run(s, call);
	if (!strcmp(call->name, "escalate_to_human") && s->done[s->ndone].ok)
		shop_owner(s, "waiting");
	s->ndone++;
}

/* Another model called it in the next turn before it died. */
static inline void shop_foreign(struct shop *s, const char *tool, const char *args)
{
	struct model_call call = { .name = tool, .arguments = json_read_own(s->mem, args) };
	struct model_done *d = &s->foreign[s->nforeign++];

	*d = shop_run(s, &call);
	d->by = "claude/claude-sonnet-5-5";
	if (!strcmp(tool, "escalate_to_human") && d->ok)
		shop_owner(s, "waiting");
}

static struct model_request shop_request(
    struct shop *s, const char *message, const char *const *intents, struct model_intent *list)
{
	struct model_request r = { .instructions = "",
		.tools = s->tools,
		.ntools = s->ntools,
		.message = message,
		.intents = list,
		.done = s->done,
		.ndone = s->ndone,
		.opaque = s->opaque,
		.state = s->state,
		.final = s->final };

	for (; *intents; intents++)
		list[r.nintents++] = (struct model_intent){ *intents, 0.9 };
	return r;
}

/* The customer says it, with these intents ("refund_request cancellation"); the whole turn; the
 * reply.  Each step is asked twice: the answers must be the same. */
static const char *shop_say(struct shop *s, const char *message, const char *intents)
{
	char *words = arena_strdup(s->mem, intents), *at = NULL;
	const char *names[8] = { NULL };
	int n = 0;

	for (char *w = strtok_r(words, " ", &at); w; w = strtok_r(NULL, " ", &at))
		names[n++] = w;
	s->steps = 0;
	s->ndone = s->nforeign;
	memcpy(s->done, s->foreign, sizeof(s->foreign));
	s->trail[0] = '\0';
	s->repeated = false;
	for (;;) {
		struct model_intent list[8];
		struct model_request r = shop_request(s, message, names, list);
		struct model_answer a, again;
		struct err e = { 0 };

		if (s->model->class->complete(s->model, &r, NULL, s->mem, &a, &e) < 0)
			fail_msg("no answer to \"%s\": %s", message, e.msg);
		assert_int_equal(
		    s->model->class->complete(s->model, &r, NULL, s->mem, &again, &e), 0);
		assert_string_equal(a.text, again.text);
		assert_int_equal(a.ncalls, again.ncalls);
		s->steps++;
		if (!a.ncalls) {
			if (a.opaque) /* without one the agent keeps the last */
				s->opaque = (json_t *)(uintptr_t)a.opaque;
			return a.text;
		}
		assert_string_equal(a.text, "");
		for (int i = 0; i < a.ncalls; i++)
			shop_call(s, &a.calls[i]);
		shop_note(s, "| ");
		assert_true(s->steps < 20);
	}
}

#endif
