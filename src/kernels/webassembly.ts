/** The part of WebAssembly's JavaScript interface that Node has and its type declarations lack. */

/** Memory that threads share; its `buffer` is a new object after it grew. */
export interface Memory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}

/** A compiled module; posting it to a thread does not compile it again. */
export type Module = object;

interface Imports {
  readonly env: { readonly memory: Memory };
}

interface Interface {
  readonly Module: new (bytes: Uint8Array) => Module;
  readonly Instance: new (module: Module, imports: Imports) => { exports: unknown };
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => Memory;
  compile(bytes: Uint8Array): Promise<Module>;
  instantiate(module: Module, imports: Imports): Promise<{ exports: unknown }>;
}

export const { WebAssembly } = globalThis as unknown as { WebAssembly: Interface };
