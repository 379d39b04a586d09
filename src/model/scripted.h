#ifndef MODEL_SCRIPTED_H
#define MODEL_SCRIPTED_H

#include "model/model.h"

/* A model that says what a script tells it: for tests, demonstrations and benches, in the product
 * because whoever writes tools and playbooks needs it too.
 *
 * A script is a JSON object (a file may be YAML):
 *
 *   {"steps": [{"calls": [{"name": "lookup_order", "arguments": {}}], "delay_ms": 200},
 *              {"text": "It is on its way.", "expect": "where is"}],
 *    "repeat": false}
 *
 * A step has text or calls or both; `deltas`, a list of texts, streams them, each after delta_ms;
 * `expect` must occur in what the customer wrote or the step fails; `error` is a failure with this
 * reason; `cut` says that the answer was cut off.  Which step is due is counted in the log,
 * so a restart goes on where it was, and each conversation runs the script from its beginning.  At
 * its end it fails loudly, unless `repeat` starts it over. */

/* Keeps the script (a reference). `name` is what the model is called: "scripted". */
struct model *scripted_new(const json_t *script, const char *name);

extern const char scripted_schema[]; /* JSON Schema of a script */

/* One JSON object a line: what the bytes of a history are for this model. */
extern const struct wire_dialect scripted_dialect;

#endif
