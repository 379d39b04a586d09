#ifndef SETUP_CONFIG_H
#define SETUP_CONFIG_H

#include "agent/agent.h"
#include "judge/intents.h"
#include "model/provider.h"
#include "net/http_client.h"
#include "setup/mistakes.h"
#include "setup/yaml.h"
#include "tool/tool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An agent folder as plain data: what agent.yaml and its neighbours say, checked against itself.
 *
 * Nothing is opened or started here: agent_setup.h makes the working parts of it.  Everything
 * lives in the mistakes' arena.  Members that a mistake spoiled have their default, so that what
 * depends on them can be checked too; nobody runs a configuration that has mistakes. */

struct provider_entry {
	const char *name, *pointer;
	const char *unset;    /* the variable that should hold its key; NULL: it can be used */
	struct provider with; /* without world and client */
	const json_t *models; /* what is said of its models, by their ids */
};

struct model_entry {
	enum {
		MODEL_UNKNOWN, /* a mistake */
		MODEL_BUILTIN,
		MODEL_SCRIPTED,
		MODEL_PROVIDER
	} kind;
	const char *pointer;             /* its place in agent.yaml */
	const char *name;                /* as written */
	struct yaml *script;             /* MODEL_SCRIPTED; NULL when the file is wrong */
	const struct price_list *prices; /* NULL: what it costs is not known */
	/* MODEL_PROVIDER */
	int provider;   /* of c->providers */
	const char *id; /* what the provider calls it */
	struct capabilities can;
};

/* models.main, say, in order, without those whose provider has no key. */
struct chain_entry {
	const int *at; /* in config.models */
	int n;
};

struct database_entry {
	const char *name, *pointer;
	const char *path; /* below the data folder, or absolute */
	const char *init; /* the text of the script; NULL: the file must exist */
};

struct tool_entry {
	const char *name, *pointer, *description, *shown;
	json_t *parameters; /* JSON Schema, type object */
	enum effect effect;
	enum identity identity;
	int64_t timeout_ms;
	const json_t *idempotent; /* true, false, or NULL: as its kind says */
	const char *kind_name;    /* "sql" */
	const json_t *kind_entry; /* what stands under it */
	bool sound;               /* no mistake in its entry so far */
};

struct config {
	const char *folder;
	struct yaml *agent, *intents, *playbook; /* the last two: NULL when there is no such file */
	/* What is no mistake, and should be known: a key that is not there. */
	struct mistakes notes;
	const json_t *unset; /* {"claude": "ANTHROPIC_API_KEY"} */

	const char *name, *currency;
	const char *store; /* path of the log, below the data folder or absolute */
	const char *prompt;

	const struct provider_entry *providers; /* in the order of the file */
	int nproviders;
	const struct model_entry *models; /* all that a chain names, each once */
	int nmodels;
	/* main has at least one link, the others may not. */
	struct chain_entry main, router, strong;
	struct strong_when strong_when;
	const struct database_entry *databases;
	int ndatabases;
	struct http_reach reach;        /* the hosts that http tools may reach */
	const struct tool_entry *tools; /* in the order of the file */
	int ntools;
	const char *profile_tool; /* NULL: none */

	int turns_max;
	const struct intent_rule *intent_rules;
	int nintent_rules;
	struct limits limits;

	const json_t *patterns; /* {"order_id": "FW-[0-9]{4,}"} */
	const struct pattern *const *not_cards;
	int nnot_cards;
	const char *const *demo; /* ids of the customers the demo may choose among */
	int ndemo;

	const char *const *intent_names; /* NULL ends the list */
	const struct intent_example *examples;
	size_t nexamples;
};

/* Is there a mistake at this pointer of agent.yaml, or below it? */
bool config_spoiled(const struct mistakes *m, const struct config *c, const char *pointer);

/* Reads the folder and adds every mistake; NULL when there is not even an agent.yaml to look at. */
struct config *config_load(struct mistakes *m, const char *folder);

#endif
