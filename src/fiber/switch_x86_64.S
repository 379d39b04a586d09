/* The switch between stacks for x86-64 (System V): what a callee must keep, and
 * the two floating-point control words.  A parked stack looks, from its pointer up:
 *
 *     mxcsr and x87 word | r15 r14 r13 r12 rbx rbp | return address
 *
 * context.c builds the same picture for a stack that has not run yet. */

#if defined(__x86_64__) && !defined(FIBER_UCONTEXT)

	.text

/* void context_jump(void **save, void *to) */
	.globl context_jump
	.type context_jump, @function
context_jump:
	.cfi_startproc
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq %r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq %r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq %r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq %r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	popq %r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq %r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq %r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq %r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq %rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq %rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size context_jump, . - context_jump

/* Where a new stack starts: rbx is the function to call, which never returns.  The
 * undefined return address is where a debugger stops unwinding. */
	.globl context_first
	.type context_first, @function
context_first:
	.cfi_startproc
	.cfi_undefined %rip
	xorl %ebp, %ebp
	callq *%rbx
	ud2
	.cfi_endproc
	.size context_first, . - context_first

#endif

	.section .note.GNU-stack, "", @progbits
