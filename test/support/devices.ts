/** The devices on which conformance tests run, each with the reason why it is skipped here, if it is. */
import { existsSync } from 'node:fs';
import { graphOf, input } from '../../src/graph/index.js';
import { compile, neg } from '../../src/ops/index.js';
import { availableDevices, type Device } from '../../src/runtime/index.js';
import { tensor } from '../../src/tensor/index.js';

/** A software Vulkan driver, as Debian's chromium package ships it: WebGPU without a GPU. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Tests see only the software driver where it is installed, so that they give the same on every machine. */
export async function testDevices(): Promise<{ device: Device; skip: string }[]> {
  if (existsSync(SWIFTSHADER)) process.env.VK_ICD_FILENAMES ??= SWIFTSHADER;
  return [
    { device: 'cpu', skip: '' },
    { device: 'webgpu', skip: await whyNot('webgpu') },
  ];
}

/** Runs the smallest graph: the only sure way to know whether a device can be used. */
async function whyNot(device: Device): Promise<string> {
  if (!availableDevices().includes(device)) return 'not in this build of ONNX Runtime';
  try {
    const session = await compile(graphOf({ y: neg(input('x', [1])) }), { device });
    const { data } = (await session.run(new Map([['x', tensor([1], Float32Array.of(2))]]))).get('y')!;
    await session.dispose();
    return data[0] === -2 ? '' : `computes −2 as ${data[0]}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
