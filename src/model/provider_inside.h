#ifndef MODEL_PROVIDER_INSIDE_H
#define MODEL_PROVIDER_INSIDE_H

#include "base/buf.h"
#include "model/provider.h"
#include "model/reader.h"

/* What the files of a provider's model share: provider.c asks, provider_body.c writes the request
 * with the words of a dialect (anthropic.c, openai.c), provider_fault.c says what an error means.
 */

struct provider_head;

struct provider_model {
	struct model model;
	struct wire_dialect wire;
	const struct provider *provider;
	const char *id;
	struct capabilities can;
	const struct dialect *dialect;
	struct provider_head *head;
};

struct dialect {
	const char *name, *path, *base_url;
	const struct reader_dialect *reader;
	/* All of the body in front of the history, up to the list of messages. */
	void (*head)(
	    const struct provider_model *m, struct buf *out, const struct model_request *r);
	void (*render)(const struct wire_dialect *d, struct buf *out, const struct wire_message *w);
	/* A message from the server: the state, or that the model shall go on. */
	void (*state)(const struct provider_model *m, struct buf *out, const char *text);
	void (*note)(const struct provider_model *m, struct buf *out, const char *text);
	/* Mark the last message for the provider's cache; NULL: there are no marks. */
	void (*mark)(const struct provider_model *m, struct buf *out);
	/* From the end of the list to the end of the body. */
	void (*tail)(
	    const struct provider_model *m, struct buf *out, const struct model_request *r);
	/* What the provider said so far, to go on from (pause_turn); NULL: it never pauses. */
	void (*go_on)(struct buf *out, const char *content);
	/* Two messages in a row are one when both begin with the same of these: `closed` is cut off
	 * the first, the beginning off the second, `between` stands between. */
	const char *const *begins;
	const char *closed, *between;
};

extern const struct dialect anthropic_dialect, openai_dialect;

/* provider_body.c */
struct body {
	struct buf bytes;
	size_t list_end; /* of its messages */
};

void body_write(struct body *b, const struct provider_model *m, const struct model_request *r,
    struct arena *mem);
/* The same with what the provider said so far behind it. */
void body_go_on(struct body *b, const struct provider_model *m, const struct model_request *r,
    const char *content);
/* Between a string's quotes: ours; and what others said, without our tags. */
void body_chars(struct buf *out, const char *s);
void body_foreign(struct buf *out, const char *s, size_t n);
/* A tool's name as both dialects take it, whatever a model once called. */
void body_tool_name(struct buf *out, const char *name);
/* A person's words, and that they are a person's. */
void body_person(struct buf *out, const struct wire_message *w);
/* A recap, in words that say that it is one. */
void body_recap(struct buf *out, const struct wire_message *w);
/* ,"key":"value" unless it is NULL. */
void body_member(struct buf *out, const char *key, const char *value);
void body_sampling(struct buf *out, const json_t *sampling);

/* provider_head.c: the bytes in front of the history, rendered when something in them changed. */
struct provider_head *head_new(void);
void head_free(struct provider_head *h);
const struct buf *head_bytes(const struct provider_model *m, const struct model_request *r);

/* provider_fault.c */
struct provider_said {
	int status;                        /* HTTP */
	const char *type, *code, *message; /* of the error in the body; NULL: not said */
	const char *retry_after_ms, *retry_after, *should_retry; /* fields of the head */
	int64_t now;
};

enum model_fault provider_fault(const struct provider_said *s);
int64_t provider_retry_ms(const struct provider_said *s); /* -1: it did not say */

#endif
