/** The keyring over KMS. The encryption context ties each key to its request, and shows in CloudTrail. */
import { DecryptCommand, GenerateDataKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import { GatewayError } from '../../core/errors.ts';
import type { Keyring } from './seal.ts';

export function makeKmsKeyring(kms: Pick<KMSClient, 'send'>, keyId: string): Keyring {
  return {
    newKey: async (id) => {
      const made = await kms.send(
        new GenerateDataKeyCommand({
          KeyId: keyId,
          KeySpec: 'AES_256',
          EncryptionContext: { request: id },
        }),
      );
      return { key: must(made.Plaintext), wrapped: must(made.CiphertextBlob) };
    },
    unwrap: async (id, wrapped) => {
      const opened = await kms.send(
        new DecryptCommand({
          KeyId: keyId,
          CiphertextBlob: wrapped,
          EncryptionContext: { request: id },
        }),
      );
      return must(opened.Plaintext);
    },
  };
}

function must(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) {
    throw new GatewayError('ERR_APPROVALS_UNAVAILABLE', 'KMS answered without a key');
  }
  return bytes;
}
