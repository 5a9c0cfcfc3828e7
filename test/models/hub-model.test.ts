/** Models of the Hugging Face Hub, against a hub on this machine: what is fetched, how it goes on, and what can go wrong. */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadUNet, openModel, parseHubName, StableDiffusion, writeModel } from '../../src/models/index.js';
import { blobOf, COMMIT, mockHub } from '../support/mock-hub.js';
import { temporaryFolder } from '../support/temporary.js';

const MODEL = 'test/fixtures/pipeline/sd15';
const UNET = 'unet/diffusion_pytorch_model.safetensors';

/** Files of a folder by their paths in it. */
async function filesOf(folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const path of await readdir(folder, { recursive: true })) {
    if ((await stat(join(folder, path))).isFile()) files.set(path, await readFile(join(folder, path)));
  }
  return files;
}

/** The model, as repositories have it: with much that is not needed. */
async function repository(): Promise<Map<string, Uint8Array>> {
  const files = await filesOf(MODEL);
  for (const name of [
    'README.md',
    'v1-5.safetensors',
    'safety_checker/model.safetensors',
    'unet/diffusion_pytorch_model.bin',
  ]) {
    files.set(name, Buffer.from('not needed'));
  }
  files.set('unet/diffusion_pytorch_model.fp16.safetensors', files.get(UNET)!);
  return files;
}

test.each([
  ['hub:a/b', { repository: 'a/b' }],
  ['hub:a/b/c/d.safetensors', { repository: 'a/b', file: 'c/d.safetensors' }],
  ['hub:a-1/b.2@refs/pr/1:fp16', { repository: 'a-1/b.2', revision: 'refs/pr/1', variant: 'fp16' }],
  ['a/b', undefined],
])('%s', (text, parts) => {
  expect(parseHubName(text)).toEqual(
    parts && { file: undefined, revision: undefined, variant: undefined, ...parts },
  );
});

test('what is no name of a model is refused', () => {
  expect(() => parseHubName('hub:a')).toThrow(/expected hub:owner\/model.*got hub:a;/);
});

describe('a folder', () => {
  test('is fetched as far as it is needed, into the shared cache, once', async () => {
    const files = await repository();
    const hub = await mockHub(files);
    const seen: number[] = [];
    const model = await openModel('hub:owner/model', {
      onDownload: ({ done, total }) => seen.push(done / total),
    });
    await model.close();
    const fetched = hub.requests.map(([path]) => path);
    expect(fetched.toSorted()).toEqual(
      [...(await filesOf(MODEL)).keys()].filter((path) => !/^(case\.json|io\.|images)/.test(path)).toSorted(),
    );
    expect(fetched.at(-1)).toBe('model_index.json');
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);

    expect(await readFile(join(hub.cache, 'refs/main'), 'utf8')).toBe(COMMIT);
    const link = join(hub.cache, 'snapshots', COMMIT, UNET);
    expect(await readlink(link)).toBe(`../../../blobs/${blobOf(files.get(UNET)!)}`);
    expect(await readFile(link)).toEqual(files.get(UNET));

    const { unet } = await StableDiffusion.load('hub:owner/model');
    expect(unet.parameters).toEqual((await StableDiffusion.load(MODEL)).unet.parameters);
    expect(hub.requests.length).toBe(fetched.length);
  });

  test('is fetched in the variant asked for', async () => {
    const hub = await mockHub(await repository());
    await loadUNet('hub:owner/model:fp16');
    const fetched = hub.requests.map(([path]) => path).filter((path) => path.startsWith('unet/'));
    expect(fetched).toEqual(['unet/config.json', 'unet/diffusion_pytorch_model.fp16.safetensors']);
  });

  test('is fetched by its index where it is in shards', async () => {
    const files = await repository();
    const shard = 'diffusion_pytorch_model-00001-of-00001.safetensors';
    files.set(`unet/${shard}`, files.get(UNET)!);
    files.delete(UNET);
    const index = { weight_map: { 'conv_in.weight': shard } };
    files.set('unet/diffusion_pytorch_model.safetensors.index.json', Buffer.from(JSON.stringify(index)));
    await mockHub(files);
    const unet = await loadUNet('hub:owner/model');
    expect(unet.parameters).toEqual((await loadUNet(MODEL)).parameters);
  });

  test('of a UNet alone is fetched too', async () => {
    const files = new Map([...(await filesOf(join(MODEL, 'unet')))]);
    const hub = await mockHub(files);
    expect((await loadUNet('hub:owner/model')).parameters).toEqual((await loadUNet(MODEL)).parameters);
    expect(hub.requests.length).toBe(2);
  });
});

test('a single file is fetched by its name, or where there is no other', async () => {
  const path = join(await temporaryFolder(), 'model.safetensors');
  const folder = await openModel(MODEL);
  await writeModel(path, folder).finally(() => folder.close());
  const bytes = await readFile(path);
  const files = new Map<string, Uint8Array>([['a.safetensors', bytes]]);
  await mockHub(files);
  const expected = (await loadUNet(MODEL)).parameters;
  expect((await loadUNet('hub:owner/model')).parameters).toEqual(expected);
  files.set('b.safetensors', bytes);
  expect((await loadUNet('hub:owner/model/b.safetensors')).parameters).toEqual(expected);
  await expect(loadUNet('hub:owner/model')).rejects.toThrow(
    /several models: a.safetensors, b.safetensors; name one, such as hub:owner\/model\/a.safetensors/,
  );
  await expect(loadUNet('hub:owner/model/c.safetensors')).rejects.toThrow(
    /has no c.safetensors; it has a\.saf/,
  );
});

describe('a broken download', () => {
  test('goes on where it stopped, at once and in the next run', async () => {
    const files = await repository();
    const hub = await mockHub(files);
    hub.breakAfter = 20_000;
    await expect(openModel('hub:owner/model')).rejects.toThrow(
      /the connection to http.* broke at unet\/diffusion_pytorch_model.safetensors .*run the command again/,
    );
    const starts = hub.requests.filter(([path]) => path === UNET).map(([, from]) => from);
    // Of what is sent before a connection breaks, not all has to arrive.
    expect(starts).toHaveLength(5);
    expect(starts[0]).toBe(0);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(starts.at(-1)).toBeGreaterThan(0);
    hub.breakAfter = undefined;
    hub.requests.length = 0;
    const { parameters } = await loadUNet('hub:owner/model');
    const [[, resumed], ...more] = hub.requests.filter(([path]) => path === UNET) as [[string, number]];
    expect(more).toEqual([]);
    expect(resumed).toBeGreaterThanOrEqual(starts.at(-1)!);
    expect(parameters).toEqual((await loadUNet(MODEL)).parameters);
  });

  test('starts anew where the server cannot go on', async () => {
    const hub = await mockHub(await repository());
    hub.breakAfter = 20_000;
    await expect(openModel('hub:owner/model')).rejects.toThrow(/broke/);
    hub.breakAfter = undefined;
    hub.ignoresRanges = true;
    expect((await loadUNet('hub:owner/model')).parameters).toEqual((await loadUNet(MODEL)).parameters);
  });

  test('that arrives damaged is removed', async () => {
    const hub = await mockHub(await repository());
    hub.damages = true;
    await expect(openModel('hub:owner/model')).rejects.toThrow(
      /arrived damaged and was removed; run the command again/,
    );
    hub.damages = false;
    expect((await loadUNet('hub:owner/model')).parameters).toEqual((await loadUNet(MODEL)).parameters);
  });
});

describe('without a connection', () => {
  test('the cache serves, and what is not in it is said', async () => {
    const hub = await mockHub(await repository());
    await loadUNet('hub:owner/model');
    await hub.close();
    expect((await loadUNet('hub:owner/model')).parameters).toEqual((await loadUNet(MODEL)).parameters);
    await expect(loadUNet('hub:owner/other')).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\), and owner\/other was not downloaded before; connect/,
    );
  });

  test('HF_HUB_OFFLINE asks nobody', async () => {
    const hub = await mockHub(await repository());
    process.env.HF_HUB_OFFLINE = '1';
    await expect(loadUNet('hub:owner/model')).rejects.toThrow(
      /HF_HUB_OFFLINE is set, and owner\/model was not/,
    );
    expect(hub.requests).toEqual([]);
  });
});

test.each([
  [404, /there is no model http.*\/owner\/model with the revision main; check the name/],
  [401, /no model .* that is open to everybody; check the name, or accept its terms there and set HF_TOKEN/],
  [503, /answers 503 for owner\/model; try again later/],
])('the answer %i is told in a sentence', async (status, message) => {
  const hub = await mockHub(new Map());
  hub.status = status;
  await expect(loadUNet('hub:owner/model')).rejects.toThrow(message);
});

test('nobody is asked where the name is not said to be of the Hub', async () => {
  await expect(openModel('owner/model')).rejects.toThrow(
    /nothing at owner\/model; name a model folder or file, or hub:owner\/model to download it/,
  );
});
