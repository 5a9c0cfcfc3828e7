/** Compiled graphs by key, each built when it is first asked for. */
import type { Graph } from '../graph/index.js';
import { compile } from '../ops/index.js';
import type { RuntimeOptions, Session } from '../runtime/index.js';

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

  /** Frees every session; later ones are compiled anew. */
  async dispose(): Promise<void> {
    const all = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of all) await (await session).dispose();
  }
}
