/** Compiled graphs by key, each built when it is first asked for. */
import { type Graph, graphOf, input, type Value } from '../graph/index.js';
import { type Network, parameterFeeds, Scope } from '../nn/index.js';
import { compile } from '../ops/index.js';
import type { RuntimeOptions, Session } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';

export class SessionCache {
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(private readonly options: RuntimeOptions) {}

  /** The session of the key; `build` gives its graph. */
  get(key: string, build: () => Graph): Promise<Session> {
    let session = this.sessions.get(key);
    if (!session) {
      session = compile(build(), this.options);
      this.sessions.set(key, session);
    }
    return session;
  }

  /** Runs a graph over a network's weights, compiled once for each `what` and shape of the inputs. */
  async run<Inputs extends Readonly<Record<string, Tensor>>>(
    network: Network,
    what: string,
    inputs: Inputs,
    build: (scope: Scope, inputs: { [Key in keyof Inputs]: Value }) => Readonly<Record<string, Value>>,
  ): Promise<Map<string, Tensor<'float32'>>> {
    const entries = Object.entries(inputs);
    const shapes = entries.map(([name, { shape }]) => `${name} ${shape}`);
    const session = await this.get([network.name, what, ...shapes].join(' '), () => {
      const values = entries.map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]);
      return graphOf(build(Scope.of(network), Object.fromEntries(values)));
    });
    const outputs = await session.run(new Map([...parameterFeeds(network), ...entries]));
    return outputs as Map<string, Tensor<'float32'>>;
  }

  /** Frees every session; later ones are compiled anew. */
  async dispose(): Promise<void> {
    const all = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of all) await (await session).dispose();
  }
}
