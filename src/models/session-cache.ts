/** Compiled graphs by key, each built when it is first asked for. */
import { type Graph, graphOf, input, type Value } from '../graph/index.js';
import { type Network, parameterFeeds, Scope } from '../nn/index.js';
import { compile } from '../ops/index.js';
import type { RuntimeOptions, Session } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';

interface Cached {
  readonly session: Promise<Session>;
  readonly adaptations: Network['adaptations'];
}

export class SessionCache {
  private readonly sessions = new Map<string, Cached>();

  constructor(private readonly options: RuntimeOptions) {}

  /** Runs a graph over a network's weights, compiled once for each `what`, shape of the inputs and list of adaptations. */
  async run<Inputs extends Readonly<Record<string, Tensor>>>(
    network: Network,
    what: string,
    inputs: Inputs,
    build: (scope: Scope, inputs: { [Key in keyof Inputs]: Value }) => Readonly<Record<string, Value>>,
  ): Promise<Map<string, Tensor<'float32'>>> {
    const entries = Object.entries(inputs);
    const shapes = entries.map(([name, { shape }]) => `${name} ${shape}`);
    const session = await this.get([network.name, what, ...shapes].join(' '), network, () => {
      const values = entries.map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]);
      return graphOf(build(Scope.of(network), Object.fromEntries(values)));
    });
    const outputs = await session.run(new Map([...parameterFeeds(network), ...entries]));
    return outputs as Map<string, Tensor<'float32'>>;
  }

  /** The session of the key; `build` gives its graph, again where the network was given other adaptations since. */
  private async get(key: string, { adaptations }: Network, build: () => Graph): Promise<Session> {
    const found = this.sessions.get(key);
    if (found && found.adaptations === adaptations) return found.session;
    const session = compile(build(), this.options);
    this.sessions.set(key, { session, adaptations });
    await (await found?.session)?.dispose();
    return session;
  }

  /** Frees every session; later ones are compiled anew. */
  async dispose(): Promise<void> {
    const all = [...this.sessions.values()];
    this.sessions.clear();
    for (const { session } of all) await (await session).dispose();
  }
}
