/** Merging LoRAs keeps factors: what they come to, how large they are, and which merges become whole changes. */
import { expect, it } from 'vitest';
import { type Adapter, applyAdapters, fingerprint, mergeAdapters } from '../../src/peft/index.js';
import { Random, type Tensor, tensor, toFloat32 } from '../../src/tensor/index.js';
import { expectAllclose } from '../support/allclose.js';
import { toyNetwork } from '../support/toy-network.js';

const SHAPES = { hidden: [12, 8], out: [4, 12] } as const;
type Module = keyof typeof SHAPES;

/** A LoRA of some layers of the toy network with normal factors; a DoRA where it is asked for. */
function lora(seed: number, rank: number, alpha: number, modules: readonly Module[], dora = false): Adapter {
  const tensors = new Map<string, Tensor>();
  for (const module of modules) {
    const [rows, columns] = SHAPES[module];
    const normal = (name: string, ...shape: [number, number]) =>
      tensors.set(
        `${module}.${name}`,
        tensor(shape, new Random(seed, `${module}.${name}`).normal(shape[0] * shape[1])),
      );
    normal('lora_A.weight', rank, columns);
    normal('lora_B.weight', rows, rank);
    tensors.set(`${module}.alpha`, tensor([], Float32Array.of(alpha)));
    if (dora)
      tensors.set(`${module}.lora_magnitude_vector`, tensor([rows], new Float32Array(rows).fill(1.5)));
  }
  const base = { network: 'toy', model: 'toy', fingerprint: fingerprint(toyNetwork()) };
  return { method: dora ? 'dora' : 'lora', base, scale: 1, prefix: '', settings: {}, tensors };
}

/** What a network's weights become. */
function applied(...uses: Parameters<typeof applyAdapters>[1]) {
  const network = toyNetwork();
  applyAdapters(network, uses);
  return network.parameters;
}

const uses = [
  { adapter: lora(1, 2, 3, ['hidden']), scale: 0.6 },
  { adapter: lora(2, 3, 3, ['hidden', 'out']), scale: -2 },
];

it('LoRAs make a LoRA with the sum of their changes, whose ranks add up layer by layer', () => {
  const merged = mergeAdapters(toyNetwork(), uses, { dtype: 'float32' });
  expect(merged.method).toBe('lora');
  const shapes = [...merged.tensors].map(([name, { shape }]) => [name, shape]);
  expect(Object.fromEntries(shapes)).toEqual({
    'hidden.lora_A.weight': [5, 8],
    'hidden.lora_B.weight': [12, 5],
    'hidden.alpha': [],
    'out.lora_A.weight': [3, 12],
    'out.lora_B.weight': [4, 3],
    'out.alpha': [],
  });
  // The larger of 0.6 · 3/2 and |−2 · 3/3| is α/r, so that α is 2 · 5.
  expect(merged.tensors.get('hidden.alpha')!.data[0]).toBe(10);
  const [one, together] = [applied({ adapter: merged }), applied(...uses)];
  for (const [key, weight] of together)
    expectAllclose(toFloat32(one.get(key)!), toFloat32(weight), { rtol: 1e-6, atol: 1e-5 });
  expect(merged.settings.merged).toHaveLength(2);
});

it('in float16 they round as factors do, and a LoRA alone keeps its factors whatever its scale', () => {
  const merged = mergeAdapters(toyNetwork(), uses);
  expect(merged.tensors.get('hidden.lora_A.weight')!.dtype).toBe('float16');
  const [one, together] = [applied({ adapter: merged }), applied(...uses)];
  for (const [key, weight] of together)
    expectAllclose(toFloat32(one.get(key)!), toFloat32(weight), {
      atol: 0.02,
      reason: 'products of factors of size 2 and 11 bits, five of them, times 2',
    });
  const [first] = uses as [(typeof uses)[number]];
  const alone = mergeAdapters(toyNetwork(), [first], { dtype: 'float32' });
  for (const name of ['hidden.lora_A.weight', 'hidden.lora_B.weight'])
    expect(alone.tensors.get(name)).toEqual(first.adapter.tensors.get(name));
  expect(alone.tensors.get('hidden.alpha')!.data[0]).toBeCloseTo(0.6 * 3, 6);
  const none = mergeAdapters(toyNetwork(), [{ ...first, scale: 0 }], { dtype: 'float32' });
  for (const [key, weight] of toyNetwork().parameters)
    expectAllclose(toFloat32(applied({ adapter: none }).get(key)!), toFloat32(weight), { rtol: 0, atol: 0 });
});

it.each([
  ['DoRAs', [lora(1, 2, 2, ['hidden'], true), lora(2, 2, 2, ['hidden'], true)]],
  ['a LoRA and a DoRA', [lora(1, 2, 2, ['hidden']), lora(2, 2, 2, ['hidden'], true)]],
])('%s make whole changes', (_, adapters) => {
  const both = adapters.map((adapter) => ({ adapter, scale: 0.5 }));
  const merged = mergeAdapters(toyNetwork(), both, { dtype: 'float32' });
  expect(merged.method).toBe('full');
  expect([...merged.tensors.keys()]).toEqual(['delta.hidden.weight']);
  const [one, together] = [applied({ adapter: merged }), applied(...both)];
  for (const [key, weight] of together) expectAllclose(toFloat32(one.get(key)!), toFloat32(weight));
});
