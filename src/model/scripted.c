#include "model/scripted.h"

#include "base/mem.h"
#include "base/text.h"
#include "fiber/fiber.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_PER_TOKEN 4

const char scripted_schema[] =
    "{\"type\":\"object\",\"required\":[\"steps\"],\"additionalProperties\":false,\"properties\":{"
    "\"repeat\":{\"type\":\"boolean\"},"
    "\"steps\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,"
    "\"properties\":{"
    "\"text\":{\"type\":\"string\"},\"expect\":{\"type\":\"string\"},\"error\":{\"type\":"
    "\"string\"},"
    "\"cut\":{\"type\":\"boolean\"},\"delay_ms\":{\"type\":\"integer\",\"minimum\":0},"
    "\"delta_ms\":{\"type\":\"integer\",\"minimum\":0},"
    "\"deltas\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"opaque\":{},"
    "\"calls\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\"],"
    "\"additionalProperties\":false,\"properties\":{\"name\":{\"type\":\"string\"},\"id\":{"
    "\"type\":\"string\"},"
    "\"arguments\":{}}}}}}}}}";

struct scripted {
	struct model model;
	json_t *script;
};

/* The dialect. */

static void put(struct buf *out, const json_t *line)
{
	json_write(out, line);
	buf_adds(out, "\n");
}

static json_t *calls_json(const struct wire_message *m)
{
	json_t *list = json_array();

	for (int i = 0; i < m->n; i++)
		json_array_append_new(
		    list, json_pack("{ss ss sO}", "id", m->calls[i].id, "name", m->calls[i].name,
			      "arguments", m->calls[i].arguments));
	return list;
}

static json_t *results_json(const struct wire_message *m)
{
	json_t *list = json_array();

	for (int i = 0; i < m->n; i++)
		json_array_append_new(list, json_pack("{ss sb ss}", "id", m->results[i].id, "ok",
						(int)m->results[i].ok, "text", m->results[i].text));
	return list;
}

static void render(const struct wire_dialect *d, struct buf *out, const struct wire_message *m)
{
	static const char *const roles[] = {
		[WIRE_CUSTOMER] = "customer",
		[WIRE_AI] = "ai",
		[WIRE_RESULTS] = "results",
		[WIRE_PERSON] = "person",
		[WIRE_NOTE] = "note",
		[WIRE_RECAP] = "recap",
	};
	json_t *line = json_pack("{ss}", "role", roles[m->role]);

	(void)d;
	json_put_str(line, "text", m->text);
	json_put_str(line, "author", m->author);
	if (m->role == WIRE_AI && m->n)
		json_object_set_new(line, "calls", calls_json(m));
	if (m->role == WIRE_RESULTS)
		json_object_set_new(line, "results", results_json(m));
	put(out, line);
	json_decref(line);
}

const struct wire_dialect scripted_dialect = { .name = "transcript", .render = render };

/* The model. */

static int wait_ms(const json_t *step, const char *key, struct err *e)
{
	int64_t ms = json_int(step, key, 0);

	return ms ? fiber_sleep(ms, e) : 0;
}

static int say(const json_t *step, const struct model_sink *sink, struct arena *mem,
    struct model_answer *out, struct err *e)
{
	const json_t *delta;
	size_t i;

	out->text = json_str_or(step, "text", "");
	json_array_foreach (json_object_get(step, "deltas"), i, delta) {
		if (wait_ms(step, "delta_ms", e) < 0)
			return -1;
		out->text = arena_printf(mem, "%s%s", out->text, json_string_value(delta));
		if (sink->text && sink->text(sink->self, json_string_value(delta),
				      json_string_length(delta), e) < 0)
			return -1;
	}
	return 0;
}

static void call(const json_t *step, struct arena *mem, struct model_answer *out)
{
	const json_t *list = json_object_get(step, "calls"), *c;
	struct model_call *calls = arena_array(mem, struct model_call, json_array_size(list));
	size_t i;

	json_array_foreach (list, i, c) {
		json_t *args = json_object_get(c, "arguments");

		calls[i].id = json_str(c, "id");
		calls[i].name = json_str(c, "name");
		calls[i].arguments = !args                  ? json_in(mem, json_object())
				     : json_is_object(args) ? args
							    : NULL;
	}
	out->calls = calls;
	out->ncalls = (int)json_array_size(list);
	out->stop = out->ncalls ? MODEL_CALLS : MODEL_DONE;
	if (json_flag(step, "cut"))
		out->stop = MODEL_CUT;
}

static const json_t *due(const struct scripted *s, int64_t nth, struct err *e)
{
	const json_t *steps = json_object_get(s->script, "steps");
	int64_t n = (int64_t)json_array_size(steps);

	if (nth >= n && !json_flag(s->script, "repeat")) {
		err_set(
		    e, ERR_INVALID, "the script has %d steps and was asked for one more", (int)n);
		return NULL;
	}
	return json_array_get(steps, (size_t)(nth % n));
}

static int complete(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	const struct scripted *s = container_of(m, struct scripted, model);
	struct buf rest = { 0 };
	const struct wire_message *tail;
	const json_t *step;
	int n;

	tail = wire_tail(r->history, mem, &n);
	step = due(s, r->step, e);
	if (!step || wait_ms(step, "delay_ms", e) < 0)
		return -1;
	if (json_str(step, "error"))
		return err_set(e, ERR_IO, "%s", json_str(step, "error"));
	if (json_str(step, "expect") && !strstr(r->message, json_str(step, "expect")))
		return err_set(e, ERR_INVALID, "the script expects \"%s\" in the message",
		    json_str(step, "expect"));
	for (int i = 0; i < n; i++)
		render(&scripted_dialect, &rest, &tail[i]);
	out->usage.input_tokens =
	    (int64_t)(wire_bytes(r->history, &scripted_dialect)->len + rest.len) / BYTES_PER_TOKEN;
	buf_done(&rest);
	if (say(step, sink, mem, out, e) < 0)
		return -1;
	call(step, mem, out);
	out->usage.output_tokens = (int64_t)strlen(out->text) / BYTES_PER_TOKEN;
	out->opaque = json_object_get(step, "opaque");
	return 0;
}

static void scripted_free(struct model *m)
{
	struct scripted *s = container_of(m, struct scripted, model);

	json_decref(s->script);
	free(s);
}

static const struct model_class scripted_class = {
	.name = "scripted", .complete = complete, .free = scripted_free
};

struct model *scripted_new(const json_t *script, const char *name)
{
	struct scripted *s = mem_new(struct scripted);

	s->model = (struct model){ .class = &scripted_class, .name = name };
	s->script = json_incref(json_unconst(script));
	return &s->model;
}
