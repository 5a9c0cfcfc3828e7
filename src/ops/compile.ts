/** From graph to something that runs. */
import type { Graph } from '../graph/index.js';
import { type RuntimeOptions, Session } from '../runtime/index.js';
import { toOnnx } from './lower.js';

/** Compiles a graph for a device. */
export function compile(graph: Graph, options?: RuntimeOptions): Promise<Session> {
  return Session.create(toOnnx(graph), options);
}
