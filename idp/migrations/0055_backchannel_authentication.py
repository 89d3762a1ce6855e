import django.db.models.deletion
import django.utils.timezone
import idp.models.grant
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('idp', '0054_device_codes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='backchannel_authentication_request_signing_alg',
            field=models.CharField(blank=True, choices=[('RS256', 'RS256'), ('ES256', 'ES256'), ('EdDSA', 'EdDSA'), ('RS384', 'RS384'), ('RS512', 'RS512'), ('PS256', 'PS256'), ('PS384', 'PS384'), ('PS512', 'PS512'), ('ES384', 'ES384'), ('ES512', 'ES512')], db_default='', default='', max_length=10, verbose_name='algorithm of its signed requests'),
        ),
        migrations.AddField(
            model_name='client',
            name='backchannel_client_notification_endpoint',
            field=models.URLField(blank=True, db_default='', default='', verbose_name='address that is told of an answer'),
        ),
        migrations.AddField(
            model_name='client',
            name='backchannel_token_delivery_mode',
            field=models.CharField(blank=True, choices=[('poll', 'poll'), ('ping', 'ping')], db_default='', default='', max_length=10, verbose_name='how it learns of an answer'),
        ),
        migrations.CreateModel(
            name='BackchannelAuthentication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(default=idp.models.grant.unguessable_id, editable=False, max_length=43, unique=True)),
                ('id_hash', models.CharField(max_length=64, unique=True)),
                ('named', models.CharField(max_length=64)),
                ('scope', models.TextField()),
                ('resource', models.JSONField(default=list)),
                ('acr_values', models.JSONField(default=list)),
                ('binding_message', models.CharField(blank=True, max_length=100)),
                ('sealed', models.TextField(blank=True)),
                ('ip_address', models.GenericIPAddressField(null=True)),
                ('arrived_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires', models.DateTimeField(db_index=True)),
                ('interval', models.PositiveIntegerField()),
                ('last_checked', models.DateTimeField(null=True)),
                ('status', models.CharField(choices=[('pending', 'not answered'), ('approved', 'approved'), ('denied', 'denied')], default='pending', max_length=10)),
                ('answered_at', models.DateTimeField(null=True)),
                ('redeemed_at', models.DateTimeField(null=True)),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL, verbose_name='app')),
                ('grant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='idp.grant')),
                ('user', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='BackchannelNotification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'on its way'), ('delivered', 'delivered'), ('failed', 'given up')], default='waiting', max_length=10, verbose_name='state')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='caused')),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='next attempt')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('last_problem', models.TextField(blank=True, verbose_name='last problem')),
                ('done_at', models.DateTimeField(null=True, verbose_name='delivered or given up')),
                ('receiver', models.CharField(choices=[('client', 'the app'), ('push', 'the push service')], max_length=10)),
                ('authentication', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='idp.backchannelauthentication')),
            ],
        ),
        migrations.AddIndex(
            model_name='backchannelauthentication',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['user'], name='backchannel_pending_by_user'),
        ),
        migrations.AddIndex(
            model_name='backchannelauthentication',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['named'], name='backchannel_pending_by_name'),
        ),
        migrations.AddIndex(
            model_name='backchannelauthentication',
            index=models.Index(fields=['client'], name='backchannel_by_client'),
        ),
        migrations.AddIndex(
            model_name='backchannelnotification',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='backchannel_due'),
        ),
    ]
