/** The devices on which conformance tests run, each with the reason why it is skipped here, if it is. */
import { existsSync } from 'node:fs';
import { availableDevices, type Device } from '../../src/runtime/index.js';

/** A software Vulkan driver, as Debian's chromium package ships it: WebGPU without a GPU. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

export function testDevices(): { device: Device; skip: string }[] {
  const webgpu = availableDevices().includes('webgpu');
  if (webgpu && existsSync(SWIFTSHADER)) process.env.VK_ICD_FILENAMES ??= SWIFTSHADER;
  const adapter = process.env.VK_ICD_FILENAMES !== undefined || existsSync('/dev/dri');
  return [
    { device: 'cpu', skip: '' },
    {
      device: 'webgpu',
      skip: webgpu ? (adapter ? '' : 'no Vulkan driver') : 'not in this build of ONNX Runtime',
    },
  ];
}
