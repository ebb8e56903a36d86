"""Signing in with passkeys and identity providers: what the sharing platform and the control room check alike."""
