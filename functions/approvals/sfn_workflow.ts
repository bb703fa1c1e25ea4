/** The Workflow port over Step Functions (Standard: an execution name is unique for 90 days). */
import {
  ExecutionAlreadyExists,
  InvalidToken,
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
  TaskDoesNotExist,
  TaskTimedOut,
} from '@aws-sdk/client-sfn';
import type { Workflow } from './deps.ts';

export function makeSfnWorkflow(sfn: Pick<SFNClient, 'send'>, stateMachineArn: string): Workflow {
  return {
    start: async (id, input) => {
      try {
        await sfn.send(
          new StartExecutionCommand({ stateMachineArn, name: id, input: JSON.stringify(input) }),
        );
      } catch (error) {
        // A repeated open: the execution is there, running or done.
        if (!(error instanceof ExecutionAlreadyExists)) throw error;
      }
    },
    complete: async (taskToken, output) => {
      try {
        await sfn.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(output) }));
      } catch (error) {
        if (isSpent(error)) return;
        throw error;
      }
    },
  };
}

/** The wait is over already, by another change or by its timeout: the next step reads the table anyway. */
function isSpent(error: unknown): boolean {
  return (
    error instanceof TaskTimedOut ||
    error instanceof TaskDoesNotExist ||
    error instanceof InvalidToken
  );
}
