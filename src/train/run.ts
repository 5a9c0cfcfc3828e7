/** A training run from start to end, or from where it stopped: open, encode, select, loop, finish. */
import { basename, join, resolve } from 'node:path';
import { writePng } from '../formats/index.js';
import {
  type EncoderParts,
  Encoders,
  type ModelFiles,
  modelConfigs,
  openModel,
  readEncoders,
  readUNet,
  StableDiffusion,
} from '../models/index.js';
import { countParameters, type Network } from '../nn/index.js';
import { createOptimizer, type Optimizer } from '../peft/index.js';
import { checkpointTensors, expectOrigin, restoreCheckpoint } from './checkpoint.js';
import { classPictures, drawClassPictures, openClassPictures } from './class-pictures.js';
import type { TrainConfig } from './config.js';
import { Course } from './course.js';
import { networkDigest } from './digest.js';
import { MovingAverage } from './ema.js';
import { encodeAhead } from './encode-ahead.js';
import { Encodings } from './encodings.js';
import { keyFilter } from './key-filter.js';
import { expectTokenSettings, learnsToken, withNewToken } from './learned-token.js';
import { estimateRun } from './memory/run-estimate.js';
import { expectMethodSettings, methodOptions } from './method-settings.js';
import { readPrompts } from './prompts.js';
import type { RunEvent, RunHooks, RunResult } from './run-events.js';
import { RunFolder } from './run-folder.js';
import { openData, RunPictures } from './run-pictures.js';
import { isFinished, resultName, saveResult, savesModel } from './run-result.js';
import { DivergenceError } from './stepper.js';
import { Trainer, type TrainerOptions } from './trainer.js';

/**
 * Trains as the configuration says, in its run folder; called again with the same configuration, it goes on from the
 * last checkpoint to the same weights as without the interruption. Throws InputError on bad input, DivergenceError on a
 * loss that is not finite.
 */
export async function trainRun(config: TrainConfig, hooks: RunHooks = {}): Promise<RunResult> {
  expectMethodSettings(config);
  expectTokenSettings(config);
  const emit = (event: RunEvent) => hooks.onEvent?.(event);
  const stopRequested = () => hooks.stopRequested?.() ?? false;
  const path = config.out ?? join('runs', basename(resolve(config.data)));
  const folder = await RunFolder.open(path, config);
  const resultPath = folder.file(resultName(config));
  const course = new Course(config);
  const ended = (status: RunResult['status'], step: number): RunResult => {
    const result = status === 'stopped' ? undefined : resultPath;
    return { status, step, steps: course.steps, folder: path, result };
  };
  let files: ModelFiles | undefined;
  let encodings: Encodings | undefined;
  let trainer: Trainer | undefined;
  try {
    if (!config.overwrite && (await isFinished(config, resultPath)))
      return ended('finished before', course.steps);

    // Open.
    const model = await openModel(config.model, { predictionType: config.predictionType });
    files = model;
    for (const text of model.conclusions) emit({ type: 'note', text });
    const { size, data } = await openData(config, model);
    emit({ type: 'note', text: data.describe() });
    const prompts = [
      ...config.samplePrompt,
      ...(config.samplePrompts ? await readPrompts(config.samplePrompts) : []),
    ];
    const wanted = await classPictures(config);
    const draws = { draws: prompts.length > 0, drawsFirst: (wanted?.missing ?? 0) > 0 };
    emit({ type: 'memory', estimate: await estimateRun(config, model, { size, ...draws }) });
    const drawn =
      !wanted ||
      (await drawClassPictures(
        wanted,
        config,
        { model, size },
        {
          onPicture: (done, total) => emit({ type: 'class picture', done, total }),
          stopRequested,
        },
      ));
    if (!drawn) return ended('stopped', 0);
    const ofClass = wanted && (await openClassPictures(wanted, config, size));
    const pictures = new RunPictures(data, ofClass, config, course);
    const begun = config.overwrite ? undefined : await folder.lastCheckpoint(() => {});
    if (begun) expectOrigin(begun, { data: pictures.digest });
    const from = begun?.step ?? 0;

    // Encode, before the UNet takes its memory.
    const runtime = { device: config.device, threads: config.threads };
    const ahead = config.crop === 'centre';
    let encoders: EncoderParts | undefined = await readEncoders(model);
    const textEncoders = learnsToken(config) ? withNewToken(encoders.textEncoders, config) : undefined;
    encodings = new Encodings(new Encoders(encoders, runtime), {
      folder: config.cache,
      rememberPictures: ahead,
    });
    if (ahead) {
      const texts = !textEncoders;
      const samples = pictures.distinct([from, course.steps], { texts });
      const complete = await encodeAhead(encodings, samples, pictures.load, {
        texts,
        onPicture: (done, count) => emit({ type: 'encoded', done, total: count }),
        stopRequested,
      });
      if (!complete) return ended('stopped', from);
      await encodings.release();
      encoders = undefined;
    }

    // Select.
    const unet = await readUNet(model, config.weightDtype);
    const trainedNetwork: Network = textEncoders ? textEncoders[0]!.network : unet;
    const networks = [...new Set([unet, trainedNetwork])];
    const origin = {
      model: networks.map((network) => networkDigest(network)).join(' '),
      data: pictures.digest,
    };
    const optimizer = optimizerOf(trainedNetwork, config);
    const total = countParameters(trainedNetwork.parameters);
    const tell = () => {
      const { trainedCount: trained, threshold, learningRate } = optimizer;
      const { searchSteps: steps } = course;
      if (optimizer.step < steps) emit({ type: 'searching', steps, images: course.at(0).images });
      else emit({ type: 'selected', trained, total, threshold, learningRate });
    };
    const average =
      config.ema === 'off' ? undefined : new MovingAverage(trainedNetworks(optimizer), config.ema);
    const { scheduler: schedulerConfig } = model;
    const parts = { unet, textEncoders, encodings, schedulerConfig, vaeConfig: modelConfigs(model).vae };
    trainer = new Trainer(parts, optimizer, { ...runtime, ...trainerOptions(config, course) });
    /** With encoders that are read again where they have left memory. */
    const whole = async () => {
      const around = encoders ?? (await readEncoders(model));
      const learned = { textEncoders: textEncoders ?? around.textEncoders };
      return new StableDiffusion({ ...around, ...learned, unet, schedulerConfig }, runtime);
    };

    // Go on.
    await folder.claim();
    const last = await folder.lastCheckpoint((text) => emit({ type: 'note', text }));
    if (last) {
      restoreCheckpoint(last, origin, optimizer, average);
      emit({ type: 'resumed', step: last.step, path: last.path });
    }
    tell();
    await folder.rewind(optimizer.step);

    // Loop.
    const save = async () => {
      const saved = await folder.save(optimizer.step, checkpointTensors(optimizer, average), origin);
      emit({ type: 'saved', step: optimizer.step, path: saved });
    };
    const draw = async () => {
      if (prompts.length === 0 || !hooks.sample) return;
      const { sampleSteps: steps, sampleGuidance: guidance, seed } = config;
      const sd = await whole();
      average?.exchange();
      const sheet = await hooks.sample(sd, { prompts, size, steps, guidance, seed });
      average?.exchange();
      await sd.dispose();
      const file = folder.samplePath(optimizer.step);
      await writePng(file, sheet);
      emit({ type: 'sampled', step: optimizer.step, path: file });
    };
    if (optimizer.step === 0) await draw();
    while (optimizer.step < course.steps) {
      const { images } = course.at(optimizer.step);
      const started = performance.now();
      const report = await trainer.stepOn(pictures.samplesAt(optimizer.step), pictures.load);
      const searching = optimizer.step <= course.searchSteps;
      if (!searching) average?.update();
      const seconds = (performance.now() - started) / 1000;
      const { step, loss, gradientNorm, learningRate, losses } = report;
      await folder.log({ step, loss, ...losses, gradientNorm, learningRate, seconds });
      emit({ type: 'step', step, steps: course.steps, loss, gradientNorm, learningRate, images, seconds });
      if (step === course.searchSteps) tell();
      const final = step === course.steps;
      const stopping = !final && stopRequested();
      if (final || (!searching && step % config.sampleEvery === 0)) await draw();
      if (final || stopping || step % config.checkpointEvery === 0) await save();
      if (stopping) return ended('stopped', step);
    }

    // Finish.
    average?.exchange();
    await saveResult(resultPath, config, { optimizer, textEncoders, whole });
    return ended('finished', course.steps);
  } catch (error) {
    if (error instanceof DivergenceError) {
      const last = await folder.lastCheckpoint(() => {});
      if (last) emit({ type: 'note', text: `the last good checkpoint is ${last.path}` });
    }
    throw error;
  } finally {
    await trainer?.dispose();
    await encodings?.release();
    await files?.close();
    await folder.close();
  }
}

function trainerOptions(config: TrainConfig, course: Course): TrainerOptions {
  const { maxGradientNorm, minSnrGamma } = config;
  return {
    seed: config.seed,
    accumulate: config.accumulate,
    schedule: course.schedule,
    maxGradientNorm: maxGradientNorm === 'off' ? null : maxGradientNorm,
    minSnrGamma: minSnrGamma === 'off' ? undefined : minSnrGamma,
    checkpoint: config.gradientCheckpointing,
  };
}

/** The method's optimizer, given those of the settings that the method has. */
function optimizerOf(network: Network, config: TrainConfig): Optimizer {
  const { method, learningRate, weightDecay } = config;
  return createOptimizer(method, network, {
    learningRate,
    weightDecay,
    parameters: keyFilter(config.trainOnly, network.parameters.keys()),
    keepBase: !savesModel(config),
    ...methodOptions(config),
  });
}

/** The networks whose weights train: the model's own, or what a method adds to one. */
function trainedNetworks({ tensors }: Optimizer): Network[] {
  return [...new Set(tensors.map(({ network }) => network))];
}
