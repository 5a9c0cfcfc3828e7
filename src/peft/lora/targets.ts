/** Which layers of a network get low-rank factors: those whose module path ends in one of some names, as PEFT has it. */
import { InputError } from '../../errors.js';
import type { Network } from '../../nn/index.js';

const ATTENTION = ['to_q', 'to_k', 'to_v', 'to_out.0'];

/** Lists of names that are often taken, by what stands for them. */
export const TARGET_SETS = {
  attention: ATTENTION,
  'attention-ff': [...ATTENTION, 'ff.net.0.proj', 'ff.net.2'],
  'attention-conv': [...ATTENTION, 'conv1'],
} as const;

/** A linear layer [out, in] or a convolution [out, in, kh, kw]. */
export interface Target {
  readonly path: string;
  readonly shape: readonly number[];
}

const WEIGHT = '.weight';

/** The layers, in the network's order; `chosen` may leave some out by the key of their weight. Throws InputError where there are none. */
export function targetsOf(
  { name, parameters }: Network,
  names: readonly string[] = ['attention'],
  chosen: (key: string, network: string) => boolean = () => true,
): Target[] {
  const endings = names.flatMap((one) => TARGET_SETS[one as keyof typeof TARGET_SETS] ?? [one]);
  const targets: Target[] = [];
  const met = new Set<string>();
  for (const [key, { shape }] of parameters) {
    if (!key.endsWith(WEIGHT) || (shape.length !== 2 && shape.length !== 4) || !chosen(key, name)) continue;
    const path = key.slice(0, -WEIGHT.length);
    const fitting = endings.filter((ending) => path === ending || path.endsWith(`.${ending}`));
    for (const ending of fitting) met.add(ending);
    if (fitting.length > 0) targets.push({ path, shape });
  }
  const missed = endings.find((ending) => !met.has(ending));
  if (missed === undefined) return targets;
  throw new InputError(
    `no layer of the ${name} that may train ends in "${missed}"; expected ${Object.keys(TARGET_SETS).join(', ')} or names such as to_q, see "sara inspect <model> --layers"`,
  );
}
