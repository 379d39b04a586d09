#ifndef SETUP_CONFIG_INSIDE_H
#define SETUP_CONFIG_INSIDE_H

#include "setup/config.h"

/* How config.c shares its work out: each reads its sections of c->agent into *c, takes what has
 * the wrong shape for absent (the schema has said so), and checks what a schema cannot. */

void config_tools(struct mistakes *m, struct config *c);   /* tools, customer */
void config_sources(struct mistakes *m, struct config *c); /* store, models, databases */
void config_intents(struct mistakes *m, struct config *c); /* intents.yaml, escalation */

/* prices, into the models that have one; for config_sources(). */
void config_prices(struct mistakes *m, const struct config *c, struct model_entry *models);
void config_money(struct mistakes *m, struct config *c); /* the limits of money */

#endif
