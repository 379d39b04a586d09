#ifndef SETUP_CONFIG_INSIDE_H
#define SETUP_CONFIG_INSIDE_H

#include "setup/config.h"

/* How config.c shares its work out: each reads its sections of c->agent into *c, takes what has
 * the wrong shape for absent (the schema has said so), and checks what a schema cannot. */

/* Before the environment is put in: providers whose key is not in it.  Their `key` is taken out. */
void config_keys(struct mistakes *m, struct config *c);
void config_providers(struct mistakes *m, struct config *c);
void config_models(struct mistakes *m, struct config *c);  /* behind the providers */
void config_tools(struct mistakes *m, struct config *c);   /* tools, customer */
void config_sources(struct mistakes *m, struct config *c); /* store, databases, http */
void config_intents(struct mistakes *m, struct config *c); /* intents.yaml, escalation */

/* prices, into the models that have one; for config_models(). */
void config_prices(struct mistakes *m, struct config *c, struct model_entry *models);
void config_money(struct mistakes *m, struct config *c); /* the limits of money */

#endif
