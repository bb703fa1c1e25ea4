/** The image built from this source tree at deploy. Synth only hashes the files: no docker is needed. */
import { fileURLToPath } from 'node:url';
import { IgnoreMode } from 'aws-cdk-lib';
import * as assets from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export function sourceImage(): ecs.ContainerImage {
  return ecs.ContainerImage.fromAsset(ROOT, {
    file: 'proxy/Dockerfile',
    platform: assets.Platform.LINUX_ARM64,
    // Only what the Dockerfile copies: nothing else may change the image's hash.
    ignoreMode: IgnoreMode.DOCKER,
    exclude: ['*', '!core', '!proxy', '!package.json', '!package-lock.json', '!.npmrc'],
  });
}
