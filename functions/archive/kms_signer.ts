/** Signs digests with a key that never leaves KMS. */
import { type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { GatewayError } from '../../core/errors.ts';

export interface Signer {
  /** ECDSA over P-256 with SHA-256 of the text in UTF-8: DER, and the name of the key. */
  readonly sign: (text: string) => Promise<{ signature: Uint8Array }>;
}

export function makeKmsSigner(client: KMSClient, keyId: string): Signer {
  return {
    sign: async (text) => {
      const answer = await client.send(
        new SignCommand({
          KeyId: keyId,
          Message: Buffer.from(text),
          MessageType: 'RAW',
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      );
      if (answer.Signature === undefined) {
        throw new GatewayError('ERR_ARCHIVE_UNAVAILABLE', 'KMS answered without a signature');
      }
      return { signature: answer.Signature };
    },
  };
}
