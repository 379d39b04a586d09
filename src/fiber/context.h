#ifndef FIBER_CONTEXT_H
#define FIBER_CONTEXT_H

#include "base/sanitize.h"
#include "fiber/stack.h"

#include <stdbool.h>

/* A place to go on: a stack and the registers that belong to it.
 *
 * There are two ways to switch, the same from outside: assembler on x86-64, and ucontext
 * elsewhere or with -DFIBER_UCONTEXT (fifteen times slower: it saves the signal mask).
 * The sanitizers are told of every switch here and nowhere else. */

#if !defined(__x86_64__) && !defined(FIBER_UCONTEXT)
#define FIBER_UCONTEXT 1
#endif

#ifdef FIBER_UCONTEXT
#include <ucontext.h>
#endif

struct context {
#ifdef FIBER_UCONTEXT
	ucontext_t registers;
#else
	void *sp;
#endif
#ifdef WITH_ASAN
	void *fake_stack;
	const void *low;
	size_t size;
#endif
#ifdef WITH_TSAN
	void *tsan;
#endif
};

/* The context we are in now, for the loop: switched away from before it is switched to. */
void context_here(struct context *c);

/* entry() runs when it is first switched to; it calls context_entered() and never returns. */
void context_make(struct context *c, struct stack s, void (*entry)(void));
void context_entered(struct context *from);
void context_done(struct context *c); /* it is not going to be switched to again */

/* Save where we are in *from, go on at *to.  last: nobody comes back to *from. */
void context_switch(struct context *from, struct context *to, bool last);

#endif
