/** Files of learned tokens: those of diffusers, sd-scripts and AUTOMATIC1111, and those written here. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readSafetensors, writeSafetensors, writeTorch } from '../../src/formats/index.js';
import { readEmbedding, saveEmbeddings } from '../../src/interop/index.js';
import { Random, tensor } from '../../src/tensor/index.js';
import { temporaryFolder } from '../support/temporary.js';

const rows = (width: number, count = 2) =>
  tensor([count, width], new Random(1, 'rows').normal(count * width));

describe('a learned token', () => {
  it.each([
    ['learned_embeds', '<toy>'],
    ['kohya', 'kohya'],
  ])('is read from %s', async (name, token) => {
    const golden = await readSafetensors('test/fixtures/peft/textual-inversion/data.safetensors');
    const last = golden.tensors.get('out.rows')!.data.slice(-16);
    expect(await readEmbedding(`test/fixtures/peft/textual-inversion/${name}.safetensors`)).toEqual({
      token,
      rows: [tensor([1, 16], last as Float32Array)],
    });
  });

  it('is written in both layouts, and read from each', async () => {
    const folder = await temporaryFolder();
    const learned = { token: '<my-cat>', rows: [rows(8)] };
    await saveEmbeddings(folder, learned);
    expect((await readdir(folder)).sort()).toEqual(['embedding.safetensors', 'learned_embeds.safetensors']);
    const file = async (name: string) => (await readSafetensors(join(folder, name))).tensors;
    expect(await file('learned_embeds.safetensors')).toEqual(new Map([['<my-cat>', rows(8)]]));
    expect(await file('embedding.safetensors')).toEqual(new Map([['emb_params', rows(8)]]));
    for (const name of await readdir(folder))
      expect(await readEmbedding(join(folder, name))).toEqual(learned);
  });

  it('is written for the two text encoders of SD XL', async () => {
    const folder = await temporaryFolder();
    const learned = { token: '<x>', rows: [rows(8), rows(12)] };
    await saveEmbeddings(folder, learned);
    expect((await readdir(folder)).length).toBe(3);
    expect(await readEmbedding(join(folder, 'embedding.safetensors'))).toEqual(learned);
    expect((await readEmbedding(join(folder, 'learned_embeds_2.safetensors'))).rows).toEqual([rows(12)]);
  });

  it("is read from PyTorch's files: AUTOMATIC1111's, and diffusers' of before safetensors", async () => {
    const folder = await temporaryFolder();
    const pickled = new Map<string, Parameters<typeof writeTorch>[1]>([
      ['string_to_token', new Map([['*', 265]])],
      ['string_to_param', new Map([['*', rows(8)]])],
      ['name', 'my-cat'],
      ['step', 3000],
    ]);
    await writeTorch(join(folder, 'a.pt'), pickled);
    expect(await readEmbedding(join(folder, 'a.pt'))).toEqual({ token: 'my-cat', rows: [rows(8)] });
    const single = tensor([8], rows(8, 1).data);
    await writeTorch(join(folder, 'learned_embeds.bin'), new Map([['<cat>', single]]));
    const read = await readEmbedding(join(folder, 'learned_embeds.bin'));
    expect(read).toEqual({ token: '<cat>', rows: [rows(8, 1)] });
  });

  it('is refused where a file holds something else', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'x.safetensors');
    await writeSafetensors(
      path,
      new Map([
        ['a', rows(8)],
        ['b', rows(8)],
      ]),
    );
    await expect(readEmbedding(path)).rejects.toThrow(/learned token in .*x.safetensors .* got 2 tensors/);
    await writeSafetensors(path, new Map([['a', tensor([1, 1, 2], new Float32Array(2))]]));
    await expect(readEmbedding(path)).rejects.toThrow(/shape \[1,1,2\]/);
    await writeTorch(path, [1, 2]);
    await expect(readEmbedding(path)).rejects.toThrow(InputError);
  });
});
