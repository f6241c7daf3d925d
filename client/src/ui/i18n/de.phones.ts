/** The texts that only phones need, in the syntax of Fluent. */
export const de = `
# Was die App nur auf Telefonen sagt.
not-encrypted = Nicht verschlüsselt: Alle in diesem Netz können mitlesen.
problem-not-encrypted = Ohne https gehen nur Server in deinem eigenen Netz, weil sonst alle unterwegs mitlesen könnten. Frag nach einer Adresse, die mit https beginnt.
`;
