#include "fiber/context.h"

#include <stdint.h>
#include <string.h>

#ifdef FIBER_UCONTEXT

static void prepare(struct context *c, struct stack s, void (*entry)(void))
{
	getcontext(&c->registers);
	c->registers.uc_stack.ss_sp = s.low;
	c->registers.uc_stack.ss_size = s.size;
	c->registers.uc_link = NULL;
	makecontext(&c->registers, entry, 0);
}

static void jump(struct context *from, struct context *to)
{
	swapcontext(&from->registers, &to->registers);
}

#else

/* switch_x86_64.S */
void context_jump(void **save, void *to);
void context_first(void);

/* What context_jump() would have left, had it been called by context_first(). */
struct parked {
	uint32_t mxcsr;
	uint16_t x87, unused;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	uint64_t rip;
	uint64_t bottom[2]; /* the stack is aligned to 16 when context_first() begins */
};

static void prepare(struct context *c, struct stack s, void (*entry)(void))
{
	struct parked p = { .mxcsr = 0x1f80, .x87 = 0x37f }; /* as the ABI starts a process */

	p.rbx = (uint64_t)(uintptr_t)entry;
	p.rip = (uint64_t)(uintptr_t)context_first;
	c->sp = s.low + s.size - sizeof(p);
	memcpy(c->sp, &p, sizeof(p));
}

static void jump(struct context *from, struct context *to)
{
	context_jump(&from->sp, to->sp);
}

#endif

void context_here(struct context *c)
{
	memset(c, 0, sizeof(*c));
#ifdef WITH_TSAN
	c->tsan = __tsan_get_current_fiber();
#endif
}

void context_make(struct context *c, struct stack s, void (*entry)(void))
{
	memset(c, 0, sizeof(*c));
	prepare(c, s, entry);
#ifdef WITH_ASAN
	c->low = s.low;
	c->size = s.size;
#endif
#ifdef WITH_TSAN
	c->tsan = __tsan_create_fiber(0);
#endif
}

void context_entered(struct context *from)
{
	(void)from;
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(NULL, &from->low, &from->size);
#endif
}

void context_done(struct context *c)
{
	(void)c;
#ifdef WITH_TSAN
	__tsan_destroy_fiber(c->tsan);
#endif
}

void context_switch(struct context *from, struct context *to, bool last)
{
	(void)last;
#ifdef WITH_ASAN
	__sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->low, to->size);
#endif
#ifdef WITH_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
	jump(from, to);
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}
