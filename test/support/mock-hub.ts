/** A Hugging Face Hub on this machine: one model's files, and every way a download goes wrong. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import { temporaryFolder } from './temporary.js';

export const COMMIT = 'c'.repeat(40);
/** Larger files are kept apart, with a hash of their content. */
const LARGE = 4000;

export interface MockHub {
  /** The cache's folder for the model. */
  readonly cache: string;
  /** Paths of the files that were asked for so far, each with the byte it was asked from. */
  readonly requests: [path: string, from: number][];
  /** Connections break after so many bytes of a file that has more. */
  breakAfter: number | undefined;
  /** Answers with the whole file whatever is asked for. */
  ignoresRanges: boolean;
  /** Sends other bytes than promised. */
  damages: boolean;
  /** Answers this to everything. */
  status: number | undefined;
  close(): Promise<void>;
}

/** Serves `files` as owner/model; for the length of the test it is the Hub, with an empty cache. */
export async function mockHub(files: ReadonlyMap<string, Uint8Array>): Promise<MockHub> {
  const cache = await temporaryFolder();
  const server = createServer((request, response) => answer(hub, files, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  const hub: MockHub = {
    cache: `${cache}/models--owner--model`,
    requests: [],
    breakAfter: undefined,
    ignoresRanges: false,
    damages: false,
    status: undefined,
    close,
  };
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('HF_HUB_CACHE', cache);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_TOKEN', '');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await close();
  });
  return hub;
}

const hashOf = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('hex');

/** The name of a content among the blobs. */
export const blobOf = (bytes: Uint8Array) => hashOf(bytes.length > LARGE ? 'sha256' : 'sha1', bytes);

function answer(
  hub: MockHub,
  files: ReadonlyMap<string, Uint8Array>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { pathname } = new URL(request.url!, 'http://localhost');
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (hub.status !== undefined) return void json(hub.status, { error: 'no' });
  if (pathname === '/api/models/owner/model/revision/main') {
    return void json(200, { _id: '1', id: 'owner/model', sha: COMMIT });
  }
  if (pathname === `/api/models/owner/model/tree/${COMMIT}`) {
    const entries = [...files].map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: hashOf('sha1', bytes),
      ...(bytes.length > LARGE && { lfs: { oid: blobOf(bytes), size: bytes.length, pointerSize: 130 } }),
    }));
    return void json(200, entries);
  }
  const path = decodeURIComponent(pathname).replace(`/owner/model/resolve/${COMMIT}/`, '');
  const bytes = files.get(path);
  if (bytes === undefined) return void json(404, { error: 'not found' });
  const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  hub.requests.push([path, asked]);
  const from = hub.ignoresRanges ? 0 : asked;
  const body = Buffer.from(bytes.subarray(from));
  if (hub.damages) body[body.length - 1]! ^= 1;
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length });
  if (hub.breakAfter === undefined || body.length <= hub.breakAfter) return void response.end(body);
  response.write(body.subarray(0, hub.breakAfter), () => setTimeout(() => response.destroy(), 20));
}
